using System.Runtime.InteropServices;

using static System.FormattableString;

namespace LogKit.Server.Connections;

/// <summary>
/// Keeps the number of connections within the limit on file descriptors. The log needs descriptors for its files, and a server that has
/// none left can do nothing.
/// </summary>
internal static partial class DescriptorLimit
{
    /// <summary>The number of descriptors reserved for the files of the log, database connections, libraries, and the runtime.</summary>
    private const int Reserved = 512;

    /// <summary>The minimum number of connections that is worth serving.</summary>
    private const int MinConnections = 16;

    /// <summary>Computes the limit on connections, and the reason if it is lower than the setting.</summary>
    /// <param name="connectionLimit">The setting.</param>
    /// <param name="descriptors">The limit on file descriptors; null if it is not known.</param>
    /// <exception cref="SettingException">There are too few descriptors for even a few connections.</exception>
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
    /// Gets the limit on file descriptors; null if it is not known. The runtime has already raised it as far as possible.
    /// </summary>
    public static unsafe long? Read()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        const int NumberOfFiles = 7; // RLIMIT_NOFILE
        var limits = stackalloc ulong[2]; // the soft limit and the hard limit
        return GetLimits(NumberOfFiles, limits) == 0 && limits[0] <= long.MaxValue ? (long)limits[0] : null;
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static unsafe partial int GetLimits(int resource, ulong* limits);
}
