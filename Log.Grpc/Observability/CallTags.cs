using System.Diagnostics;

namespace LogKit.Grpc.Observability;

/// <summary>
/// Tags of a call's trace besides its method and status: the offset and the number of records.
/// </summary>
internal static class CallTags
{
    /// <summary>Tags the current call, if its trace is recorded.</summary>
    /// <param name="offset">The offset of the first record.</param>
    /// <param name="count">The number of records.</param>
    public static void Set(ulong offset, int count)
    {
        if (Activity.Current is not { Recorded: true } call)
            return;
        call.SetTag("logkit.offset", (long)offset);
        call.SetTag("logkit.count", count);
    }
}
