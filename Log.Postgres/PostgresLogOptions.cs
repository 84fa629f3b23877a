using System.Text.RegularExpressions;

namespace LogKit.Postgres;

/// <summary>What a <see cref="PostgresLog"/> can be told.</summary>
public sealed partial record PostgresLogOptions
{
    /// <summary>
    /// How to reach the database, as Npgsql has it. Several hosts, comma-separated, are a primary and its standbys: the one that takes
    /// writes is used. It holds a password, as a rule, and is never shown.
    /// </summary>
    public required string ConnectionString { get; init; }

    /// <summary>Which of the logs in the schema, from 1 to 200 characters; made where it is not there.</summary>
    public string LogName { get; init; } = "log";

    /// <summary>
    /// The schema that holds the tables: small letters, digits and underscores, at most 40, made where it is not there. Needs the right
    /// to create a schema the first time only.
    /// </summary>
    public string SchemaName { get; init; } = "logkit";

    /// <summary>The largest batch that an append takes, in bytes of its encoding. At most 256 MiB.</summary>
    public int BatchLimitBytes { get; init; } = RecordBatch.DefaultLimitBytes;

    /// <summary>
    /// How long a database that cannot be reached, or does not answer, is tried again, in milliseconds, before a call ends with
    /// <see cref="LogUnavailableException"/>. An append may have queued behind another that waited as long. Several hosts share it: one
    /// that does not answer takes a part of it only, in whole seconds.
    /// </summary>
    public int UnavailableAfterMs { get; init; } = 5_000;

    /// <summary>
    /// How long, in milliseconds, the outcome of an append whose answer was lost is asked for before it is
    /// <see cref="AppendOutcomeUnknownException"/>. It takes a database that can be reached to tell.
    /// </summary>
    public int OutcomeUnknownAfterMs { get; init; } = 30_000;

    /// <summary>How often, in milliseconds, the end of the log is asked for while somebody waits for it, should a notification be lost.</summary>
    public int PollIntervalMs { get; init; } = 1_000;

    /// <summary>What the batches of the log may take, in bytes of their encodings; the oldest go first. Null, the default, is no limit.</summary>
    public long? RetentionLimitBytes { get; init; }

    /// <summary>How long a record is kept, in milliseconds by the database's clock; it goes within a minute of that. Null, the default, is for ever.</summary>
    public long? RetentionLimitMs { get; init; }

    /// <summary>The offset of the first record of a log that is new.</summary>
    internal ulong StartOffset { get; init; }

    internal TimeSpan UnavailableAfter => TimeSpan.FromMilliseconds(UnavailableAfterMs);

    internal TimeSpan OutcomeUnknownAfter => TimeSpan.FromMilliseconds(OutcomeUnknownAfterMs);

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(ConnectionString);
        ArgumentException.ThrowIfNullOrEmpty(LogName);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(LogName.Length, 200, nameof(LogName));
        if (!SchemaPattern().IsMatch(SchemaName))
            throw new ArgumentException("it must be of small letters, digits and underscores, begin with none of the digits, and have at most 40", nameof(SchemaName));
        ArgumentOutOfRangeException.ThrowIfLessThan(BatchLimitBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(BatchLimitBytes, 256 * 1024 * 1024);
        ArgumentOutOfRangeException.ThrowIfLessThan(UnavailableAfterMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutcomeUnknownAfterMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PollIntervalMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(RetentionLimitBytes ?? long.MaxValue, 1, nameof(RetentionLimitBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(RetentionLimitMs ?? long.MaxValue, 1000, nameof(RetentionLimitMs));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(StartOffset, (ulong)long.MaxValue / 2);
    }

    [GeneratedRegex("^[a-z_][a-z0-9_]{0,39}$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SchemaPattern();
}
