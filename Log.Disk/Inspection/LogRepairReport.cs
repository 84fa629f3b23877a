namespace LogKit.Disk.Inspection;

/// <summary>The result of a repair.</summary>
public sealed record LogRepairReport
{
    /// <summary>The verification before the repair.</summary>
    public required LogVerification Before { get; init; }

    /// <summary>The verification after the repair. The same object as before if nothing was done.</summary>
    public required LogVerification After { get; init; }

    /// <summary>Why nothing was done although the log is damaged, and what to do instead; null otherwise.</summary>
    public string? Refusal { get; init; }

    /// <summary>Damage that was repaired without losing a record.</summary>
    public IReadOnlyList<LogDamage> Mended { get; init; } = [];

    /// <summary>The damage at which the log was cut; null if it was not cut.</summary>
    public LogDamage? CutAt { get; init; }

    /// <summary>The first lost offset; null if none was lost.</summary>
    public ulong? LostFrom { get; init; }

    /// <summary>
    /// The offset after the last one that is known to be lost. The same as <see cref="LostFrom"/> if the number of lost records is not
    /// known.
    /// </summary>
    public ulong LostBefore { get; init; }

    /// <summary>The new start, if the start of the log was lost. Truncated records may be readable again.</summary>
    public ulong? NewStartOffset { get; init; }

    /// <summary>The files in the directory of the log that hold what was removed.</summary>
    public IReadOnlyList<string> KeptIn { get; init; } = [];
}
