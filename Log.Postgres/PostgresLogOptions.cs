using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace LogKit.Postgres;

/// <summary>Options for a <see cref="PostgresLog"/>.</summary>
public sealed partial record PostgresLogOptions
{
    /// <summary>
    /// The connection string, as defined by Npgsql. Several hosts, separated by commas, are a primary and its standbys; the one that
    /// accepts writes is used. The connection string may contain a password and is never shown.
    /// </summary>
    public required string ConnectionString { get; init; }

    /// <summary>
    /// The name of the log in the schema: 1 to 200 characters of valid Unicode, without NUL. Created if it does not exist.
    /// </summary>
    public string LogName { get; init; } = "log";

    /// <summary>
    /// The schema of the tables: at most 40 lowercase letters, digits and underscores, and not one of PostgreSQL's own. Created if
    /// it does not exist, which is the only time that the user needs the right to create a schema.
    /// </summary>
    public string SchemaName { get; init; } = "logkit";

    /// <summary>The limit on the size of a batch, in bytes of its encoding. At most 256 MiB.</summary>
    public int BatchLimitBytes { get; init; } = RecordBatch.DefaultLimitBytes;

    /// <summary>
    /// How long to retry while the database cannot be reached or does not answer, in milliseconds, before a call fails with
    /// <see cref="LogUnavailableException"/>. An append may first queue behind another that waited as long. Several hosts share this time:
    /// a host that
    /// does not answer gets only part of it, in whole seconds.
    /// </summary>
    public int UnavailableAfterMs { get; init; } = 5_000;

    /// <summary>
    /// How long, in milliseconds, to try to find out the outcome of an append whose answer was lost, before it fails with
    /// <see cref="AppendOutcomeUnknownException"/>. The outcome cannot be found out while the database is unreachable.
    /// </summary>
    public int OutcomeUnknownAfterMs { get; init; } = 30_000;

    /// <summary>
    /// The interval, in milliseconds, at which the end of the log is polled while someone waits for it, in case a notification is lost.
    /// </summary>
    public int PollIntervalMs { get; init; } = 1_000;

    /// <summary>
    /// The limit on the size of the log, in bytes of encoded batches. The oldest are deleted first. Null, the default, means no limit.
    /// </summary>
    public long? RetentionLimitBytes { get; init; }

    /// <summary>
    /// How long records are kept, in milliseconds, by the clock of the database. They are deleted within a minute after that. Null, the
    /// default, means forever.
    /// </summary>
    public long? RetentionLimitMs { get; init; }

    /// <summary>
    /// How long, in milliseconds, disposal waits for pending appends. After that, an append that was sent fails with
    /// <see cref="AppendOutcomeUnknownException"/>, and one that was not sent with <see cref="ObjectDisposedException"/>.
    /// </summary>
    public int CloseLimitMs { get; init; } = 10_000;

    /// <summary>The offset of the first record of a new log.</summary>
    internal ulong StartOffset { get; init; }

    internal TimeSpan UnavailableAfter => TimeSpan.FromMilliseconds(UnavailableAfterMs);

    internal TimeSpan OutcomeUnknownAfter => TimeSpan.FromMilliseconds(OutcomeUnknownAfterMs);

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(ConnectionString);
        ValidateNames();
        ArgumentOutOfRangeException.ThrowIfLessThan(BatchLimitBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(BatchLimitBytes, 256 * 1024 * 1024);
        ArgumentOutOfRangeException.ThrowIfLessThan(UnavailableAfterMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutcomeUnknownAfterMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PollIntervalMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(CloseLimitMs, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(RetentionLimitBytes ?? long.MaxValue, 1, nameof(RetentionLimitBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(RetentionLimitMs ?? long.MaxValue, 1000, nameof(RetentionLimitMs));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(StartOffset, (ulong)long.MaxValue / 2);
    }

    private void ValidateNames()
    {
        ArgumentException.ThrowIfNullOrEmpty(LogName);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(LogName.Length, 200, nameof(LogName));
        if (LogName.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException("the log's name contains a NUL, which PostgreSQL cannot store: remove it", nameof(LogName));
        if (!IsUnicode(LogName))
            throw new ArgumentException(
                "the log's name is not valid Unicode: it contains an unpaired surrogate", nameof(LogName));
        if (!IsUnicode(ConnectionString))
            throw new ArgumentException(
                "the connection string is not valid Unicode: it contains an unpaired surrogate", nameof(ConnectionString));
        ArgumentNullException.ThrowIfNull(SchemaName);
        if (!SchemaPattern().IsMatch(SchemaName))
        {
            throw new ArgumentException(
                "the schema's name must be at most 40 lowercase letters, digits and underscores, and must not begin with a digit",
                nameof(SchemaName));
        }

        if (SchemaName.StartsWith("pg_", StringComparison.Ordinal) || SchemaName.Equals("information_schema", StringComparison.Ordinal))
            throw new ArgumentException($"\"{SchemaName}\" is reserved by PostgreSQL: choose another name", nameof(SchemaName));
    }

    private static bool IsUnicode(string text)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var length) != OperationStatus.Done)
                return false;
            rest = rest[length..];
        }

        return true;
    }

    [GeneratedRegex(@"\A[a-z_][a-z0-9_]{0,39}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SchemaPattern();
}
