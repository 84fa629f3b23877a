using LogKit.Disk.Commit;

namespace LogKit.Disk.Writing;

/// <summary>Settles appends of a group that fail. Each method returns the number of appends, all of which are settled.</summary>
internal static class Settlement
{
    /// <summary>Refuses appends, of which nothing was written.</summary>
    public static int Refuse<TCause>(ReadOnlySpan<PendingAppend> appends, TCause cause, Func<TCause, LogException> refusal)
        where TCause : Exception
    {
        foreach (var append in appends)
            append.Refuse(refusal(cause));
        return appends.Length;
    }

    /// <summary>Settles appends whose write or flush failed. Appends that were refused earlier were not part of the write.</summary>
    public static int LeaveUnknown(ReadOnlySpan<PendingAppend> appends, Exception problem)
    {
        foreach (var append in appends)
            append.Refuse(append.IsRefused ? new LogReadOnlyException(problem) : new AppendOutcomeUnknownException(problem));
        return appends.Length;
    }
}
