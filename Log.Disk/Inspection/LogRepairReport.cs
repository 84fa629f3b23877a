namespace LogKit.Disk.Inspection;

/// <summary>What a repair found and did.</summary>
public sealed record LogRepairReport
{
    /// <summary>The log as it was.</summary>
    public required LogVerification Before { get; init; }

    /// <summary>The log as it is now. The same as before where nothing was done.</summary>
    public required LogVerification After { get; init; }

    /// <summary>Why nothing was done although something is damaged, and what to do instead; null otherwise.</summary>
    public string? Refusal { get; init; }

    /// <summary>What was put right without losing a record.</summary>
    public IReadOnlyList<LogDamage> Mended { get; init; } = [];

    /// <summary>The damage at which the log was cut; null where it was not.</summary>
    public LogDamage? CutAt { get; init; }

    /// <summary>The first offset that was lost; null where none was.</summary>
    public ulong? LostFrom { get; init; }

    /// <summary>
    /// The offset after the last one that is known to have been lost; the same as <see cref="LostFrom"/> where nothing says how many
    /// there were.
    /// </summary>
    public ulong LostBefore { get; init; }

    /// <summary>The start of the log was lost: it now starts here, where records that were truncated may be readable again.</summary>
    public ulong? NewStartOffset { get; init; }

    /// <summary>The files, in the log's directory, that hold what was removed.</summary>
    public IReadOnlyList<string> KeptIn { get; init; } = [];
}
