namespace LogKit.Cli.Bench;

/// <summary>What a run came to. The names of its members, in snake case, are those of the JSON, units included.</summary>
internal sealed record BenchReport
{
    public required int Producers { get; init; }

    /// <summary>Whether a producer sent ahead in one stream.</summary>
    public required bool Stream { get; init; }

    /// <summary>How many appends a stream was ahead at most; null without streams.</summary>
    public required int? InFlight { get; init; }

    public required int BatchRecords { get; init; }

    public required int RecordBytes { get; init; }

    public required double WarmupSeconds { get; init; }

    /// <summary>Whether the run was interrupted while it warmed up: the figures are then those of the warm-up.</summary>
    public required bool WarmupOnly { get; init; }

    /// <summary>From the end of the warm-up until the last answer.</summary>
    public required double ElapsedSeconds { get; init; }

    /// <summary>Acknowledged, as are the records.</summary>
    public required long Appends { get; init; }

    public required double AppendsPerSecond { get; init; }

    public required long Records { get; init; }

    public required double RecordsPerSecond { get; init; }

    /// <summary>Of the records' values, in millions.</summary>
    public required double MegabytesPerSecond { get; init; }

    /// <summary>Of appends; null where there were none.</summary>
    public required BenchLatency? Latency { get; init; }

    public required int Tails { get; init; }

    /// <summary>To all tails together.</summary>
    public required long DeliveredRecords { get; init; }

    public required double DeliveredRecordsPerSecond { get; init; }

    /// <summary>How many calls failed, by the name of their status.</summary>
    public required IReadOnlyDictionary<string, long> Errors { get; init; }

    public static BenchReport Of(BenchLoad load, BenchMeter meter)
    {
        var seconds = meter.Elapsed.TotalSeconds;
        var tally = meter.Tally;
        var records = tally.Appends * load.BatchRecords;
        return new BenchReport
        {
            Producers = load.Producers,
            Stream = load.IsStream,
            InFlight = load.IsStream ? load.InFlight : null,
            BatchRecords = load.BatchRecords,
            RecordBytes = load.RecordBytes,
            WarmupSeconds = load.Warmup.TotalSeconds,
            WarmupOnly = meter.IsWarmupOnly,
            ElapsedSeconds = Math.Round(seconds, 3),
            Appends = tally.Appends,
            AppendsPerSecond = PerSecond(tally.Appends),
            Records = records,
            RecordsPerSecond = PerSecond(records),
            MegabytesPerSecond = PerSecond(records * load.RecordBytes / 1e6),
            Latency = tally.Appends == 0 ? null : BenchLatency.Of(tally),
            Tails = load.Tails,
            DeliveredRecords = tally.Delivered,
            DeliveredRecordsPerSecond = PerSecond(tally.Delivered),
            Errors = tally.Errors.OrderBy(error => error.Key, StringComparer.Ordinal).ToDictionary(),
        };

        double PerSecond(double count) => seconds > 0 ? Math.Round(count / seconds, 3) : 0;
    }
}
