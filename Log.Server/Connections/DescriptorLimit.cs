using System.Runtime.InteropServices;

using static System.FormattableString;

namespace LogKit.Server.Connections;

/// <summary>
/// Keeps the connections within what the process may have of file descriptors. Connections come from strangers; the log needs
/// descriptors for its files, and a server that has none left can do nothing at all.
/// </summary>
internal static partial class DescriptorLimit
{
    /// <summary>What connections leave: for the log's files, the database's connections, the libraries and the runtime.</summary>
    private const int Reserved = 512;

    /// <summary>Fewer connections than that are not worth serving.</summary>
    private const int MinConnections = 16;

    /// <summary>The connections that may be open, with a reason if that is fewer than the setting allows.</summary>
    /// <param name="connectionLimit">The setting.</param>
    /// <param name="descriptors">How many descriptors the process may have; null if that is not known.</param>
    /// <exception cref="SettingException">There are not enough for even a few connections.</exception>
    public static (int ConnectionLimit, string? Reason) Apply(int connectionLimit, long? descriptors)
    {
        if (descriptors is not { } limit || connectionLimit <= limit - Reserved)
            return (connectionLimit, null);
        if (limit - Reserved < MinConnections)
        {
            throw new SettingException(
                "the limit on file descriptors", Invariant($"{limit}"),
                Invariant($"must be at least {Reserved + MinConnections}: raise it (ulimit -n, LimitNOFILE=)"));
        }

        var lowered = (int)(limit - Reserved);
        return (
            lowered,
            Invariant($"Log:ConnectionLimit is {lowered} instead of {connectionLimit}: the process may have {limit} file descriptors, ")
                + Invariant($"and {Reserved} are kept for the log; raise that limit (ulimit -n, LimitNOFILE=) or lower the setting"));
    }

    /// <summary>
    /// How many descriptors the process may have; null if that is not known. The runtime has raised it as far as it may by then.
    /// </summary>
    public static unsafe long? Read()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        const int NumberOfFiles = 7; // RLIMIT_NOFILE
        var limits = stackalloc ulong[2]; // in force, and as far as it may be raised
        return GetLimits(NumberOfFiles, limits) == 0 && limits[0] <= long.MaxValue ? (long)limits[0] : null;
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static unsafe partial int GetLimits(int resource, ulong* limits);
}
