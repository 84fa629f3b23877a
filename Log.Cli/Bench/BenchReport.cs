namespace LogKit.Cli.Bench;

/// <summary>The result of a run. The names of its members, in snake case and including units, are those of the JSON.</summary>
internal sealed record BenchReport
{
    public required int Producers { get; init; }

    /// <summary>Whether each producer pipelined its appends in one stream.</summary>
    public required bool Stream { get; init; }

    /// <summary>The limit on unanswered appends of a stream; null without streams.</summary>
    public required int? InFlight { get; init; }

    public required int BatchRecords { get; init; }

    public required int RecordBytes { get; init; }

    public required double WarmupSeconds { get; init; }

    /// <summary>Whether the run was interrupted during the warm-up. The figures are then those of the warm-up.</summary>
    public required bool WarmupOnly { get; init; }

    /// <summary>The time from the end of the warm-up to the last answer.</summary>
    public required double ElapsedSeconds { get; init; }

    /// <summary>The number of acknowledged appends.</summary>
    public required long Appends { get; init; }

    public required double AppendsPerSecond { get; init; }

    public required long Records { get; init; }

    public required double RecordsPerSecond { get; init; }

    /// <summary>The size of the values of the records, in millions of bytes per second.</summary>
    public required double MegabytesPerSecond { get; init; }

    /// <summary>The latency of appends; null if there were none.</summary>
    public required BenchLatency? Latency { get; init; }

    public required int Tails { get; init; }

    /// <summary>The records delivered to all tails.</summary>
    public required long DeliveredRecords { get; init; }

    public required double DeliveredRecordsPerSecond { get; init; }

    /// <summary>The number of failed calls by status.</summary>
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
