using System.Globalization;

namespace LogKit.Tests.Support;

/// <summary>The TCP sockets that a process listens on, on Linux.</summary>
internal static class ListeningSockets
{
    private const string Listening = "0A";

    /// <summary>Returns the sockets, ordered by port. The addresses are in the kernel's notation: <c>0100007F</c> is 127.0.0.1.</summary>
    public static List<(string Address, int Port)> Of(int processId)
    {
        var inodes = InodesOf(processId);
        var sockets = new List<(string Address, int Port)>();
        foreach (var table in (string[])["tcp", "tcp6"])
        {
            foreach (var line in File.ReadLines($"/proc/{processId}/net/{table}").Skip(1))
            {
                // The columns: sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
                var columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (columns[3] is Listening && inodes.Contains(columns[9]) && columns[1].Split(':') is [var address, var port])
                    sockets.Add((address, int.Parse(port, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            }
        }

        return [.. sockets.OrderBy(socket => socket.Port)];
    }

    private static HashSet<string> InodesOf(int processId)
    {
        const string Prefix = "socket:[";
        return [.. Directory.GetFileSystemEntries($"/proc/{processId}/fd")
            .Select(path => new FileInfo(path).LinkTarget).OfType<string>()
            .Where(target => target.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(target => target[Prefix.Length..^1])];
    }
}
