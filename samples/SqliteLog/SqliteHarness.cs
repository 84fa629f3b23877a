using System.Collections.Concurrent;
using LogKit;
using LogKit.Conformance;
using LogKit.Conformance.Xunit;
using Microsoft.Data.Sqlite;

namespace Samples;

/// <summary>
/// Gives the suite access to <see cref="SqliteLog"/>. A crash silences the open log, copies its files aside as they are, and continues on
/// the copies, which is what a new process finds after the sudden end of another.
/// </summary>
public sealed class SqliteHarness : LogHarness
{
    private readonly string _directory = Directory.CreateTempSubdirectory("sqlite-log-").FullName;
    private readonly ConcurrentDictionary<string, Life> _lives = [];

    public override LogCapabilities Capabilities =>
        LogCapabilities.SecondClient | LogCapabilities.Reopen | LogCapabilities.Crash | LogCapabilities.Damage | LogCapabilities.Truncate
        | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override int RaceRounds => 500; // each append is a sync

    public override ValueTask<ILog> OpenAsync(string name) => OpenAtAsync(name, 0);

    public override ValueTask<ILog> OpenSecondClientAsync(string name) => OpenAsync(name);

    public override ValueTask<ILog> OpenAtAsync(string name, ulong startOffset) =>
        ValueTask.FromResult<ILog>(new MortalLog(SqliteLog.Open(PathOf(name), startOffset), LifeOf(name)));

    public override ValueTask CrashAsync(string name)
    {
        var path = PathOf(name);
        LifeOf(name).IsOver = true; // before anything is copied: nobody hears of what happens from now on

        // As long as this transaction reads, SQLite does not move more from the WAL to the database than the copy of the WAL has.
        using var reader = Connect(name);
        using var reading = reader.BeginTransaction(deferred: true);
        Scalar(reader, "select next from log");
        _lives[name] = new Life(LifeOf(name).Number + 1);
        foreach (var suffix in (string[])["-wal", ""])
        {
            if (!File.Exists(path + suffix))
                continue;
            using var source = new FileStream(path + suffix, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var copy = File.Create(PathOf(name) + suffix);
            source.CopyTo(copy);
        }

        return ValueTask.CompletedTask;
    }

    public override ValueTask<long> GetStoredBytesAsync(string name) =>
        ValueTask.FromResult((long)Scalar(name, "select coalesce(sum(length(payload)), 0) from batches")!);

    // SQLite rolls back a transaction that a crash cut off, so a batch that is cut anywhere is removed as a whole.
    public override ValueTask CutAsync(string name, long length)
    {
        Scalar(name, $"""
            delete from batches where first in (
                select first from (select first, sum(length(payload)) over (order by first) as end from batches) where end > {length});
            update log set next = coalesce((select max(first + count) from batches), start)
            """);
        return ValueTask.CompletedTask;
    }

    public override ValueTask FlipByteAsync(string name, long position)
    {
        using var connection = Connect(name);
        using var select = connection.CreateCommand();
        select.CommandText = "select first, payload from batches order by first";
        var (first, payload) = (0L, Array.Empty<byte>());
        using (var row = select.ExecuteReader())
        {
            for (; position >= payload.Length && row.Read(); (first, payload) = (row.GetInt64(0), (byte[])row[1]))
                position -= payload.Length;
        }

        payload[position] ^= 0xFF;
        using var update = connection.CreateCommand();
        update.CommandText = "update batches set payload = $payload where first = $first";
        update.Parameters.AddWithValue("$payload", payload);
        update.Parameters.AddWithValue("$first", first);
        update.ExecuteNonQuery();
        return ValueTask.CompletedTask;
    }

    public override ValueTask DisposeAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return base.DisposeAsync();
    }

    /// <summary>The database, or the copy that the last crash left.</summary>
    private string PathOf(string name) => Path.Combine(_directory, $"{name}.{LifeOf(name).Number}.db");

    private Life LifeOf(string name) => _lives.GetOrAdd(name, _ => new Life(0));

    private SqliteConnection Connect(string name)
    {
        var connection = new SqliteConnection($"Data Source={PathOf(name)};Pooling=False");
        connection.Open();
        return connection;
    }

    /// <summary>The time between two crashes of a log.</summary>
    private sealed class Life(int number)
    {
        public int Number => number;

        public volatile bool IsOver;
    }

    /// <summary>Answers no call once its life is over.</summary>
    private sealed class MortalLog(SqliteLog log, Life life) : ITruncatableLog
    {
        public ValueTask<ulong> AppendBatchAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken) =>
            AnswerAsync(log.AppendBatchAsync(batch, expectedOffset, cancellationToken));

        public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken) =>
            AnswerAsync(log.ReadBatchAsync(offset, cancellationToken));

        public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken) => AnswerAsync(log.GetRangeAsync(cancellationToken));

        public async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken) =>
            await AnswerAsync(Untyped(log.WaitForAppendAsync(offset, cancellationToken))).ConfigureAwait(false);

        public async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken) =>
            await AnswerAsync(Untyped(log.TruncateBeforeAsync(offset, cancellationToken))).ConfigureAwait(false);

        public ValueTask DisposeAsync() => log.DisposeAsync();

        private async ValueTask<T> AnswerAsync<T>(ValueTask<T> call)
        {
            try
            {
                var answer = await call.ConfigureAwait(false);
                return life.IsOver ? throw new AppendOutcomeUnknownException() : answer;
            }
            catch (LogException) when (life.IsOver) // exceptions tell things, too
            {
                throw new AppendOutcomeUnknownException();
            }
        }

        private static async ValueTask<bool> Untyped(ValueTask call)
        {
            await call.ConfigureAwait(false);
            return true;
        }
    }

    private object? Scalar(string name, string text)
    {
        using var connection = Connect(name);
        return Scalar(connection, text);
    }

    private static object? Scalar(SqliteConnection connection, string text)
    {
        using var command = connection.CreateCommand();
        command.CommandText = text;
        return command.ExecuteScalar();
    }
}

public sealed class SqliteLogConformance(SqliteHarness harness) : LogConformance<SqliteHarness>(harness);
