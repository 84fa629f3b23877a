using System.Diagnostics;

namespace LogKit.Grpc.Observability;

/// <summary>
/// What a trace says of a call besides its method and its status: where in the log it was, and how many records it was about.
/// </summary>
internal static class CallTags
{
    /// <summary>Tags the call that is running, where its trace is kept.</summary>
    /// <param name="offset">The first record's.</param>
    /// <param name="count">How many records.</param>
    public static void Set(ulong offset, int count)
    {
        if (Activity.Current is not { Recorded: true } call)
            return;
        call.SetTag("logkit.offset", (long)offset);
        call.SetTag("logkit.count", count);
    }
}
