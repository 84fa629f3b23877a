using System.Runtime.InteropServices;
using LogKit;
using Microsoft.Data.Sqlite;

namespace Samples;

/// <summary>
/// A log in a SQLite database: one row per batch, and one row for the range. The database is in WAL mode and syncs each commit, so an
/// acknowledged batch survives a power failure. Several clients, also in several processes, can open the same file.
/// </summary>
public sealed class SqliteLog : ITruncatableLog
{
    private const int SqliteFull = 13; // SQLITE_FULL, of https://www.sqlite.org/rescode.html

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(5);

    private readonly SqliteConnection _connection;
    private readonly SemaphoreSlim _turn = new(1, 1); // a connection serves one call at a time
    private readonly OffsetSignal _appended;
    private readonly int _limitBytes;
    private int _pollers; // 0 or 1: changed by compare-and-swap
    private volatile bool _isDisposed;

    private SqliteLog(SqliteConnection connection, int limitBytes, ulong nextOffset)
    {
        (_connection, _limitBytes) = (connection, limitBytes);
        _appended = new OffsetSignal(nextOffset, this);
    }

    /// <summary>Opens a log, and creates it if the file does not exist.</summary>
    /// <param name="path">The path of the database.</param>
    /// <param name="startOffset">The offset of the first record of a new log.</param>
    /// <param name="limitBytes">The largest batch that the log accepts, in bytes of its encoding.</param>
    public static SqliteLog Open(string path, ulong startOffset = 0, int limitBytes = RecordBatch.DefaultLimitBytes)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        try
        {
            connection.Open();
            Execute(connection, "pragma busy_timeout = 10000; pragma journal_mode = wal; pragma synchronous = full;");
            Execute(connection, """
                create table if not exists log (id integer primary key check (id = 1), start integer not null, next integer not null);
                create table if not exists batches (
                    first integer primary key, count integer not null, checksum integer not null, payload blob not null);
                """);
            Execute(connection, "insert into log values (1, $start, $start) on conflict do nothing", ("$start", (long)startOffset));
            return new SqliteLog(connection, limitBytes, RangeOf(connection).NextOffset);
        }
        catch (SqliteException exception)
        {
            connection.Dispose();
            throw new LogUnavailableException($"cannot open '{path}': {exception.Message}", exception);
        }
    }

    public async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (LogCalls.Refuse(batch, _limitBytes) is { } refusal)
            throw refusal;
        return await InTurnAsync(
            () =>
            {
                using var transaction = Begin();
                var range = RangeOf(_connection);
                if (expectedOffset is { } expected && expected != range.NextOffset)
                    throw new OffsetMismatchException(expected, range.NextOffset);
                Execute(
                    _connection,
                    "insert into batches values ($first, $count, $checksum, $payload); update log set next = $first + $count",
                    ("$first", (long)range.NextOffset),
                    ("$count", batch.Count),
                    ("$checksum", ChecksumOf(range.NextOffset, batch.Encoded.Span)),
                    ("$payload", batch.Encoded.ToArray()));
                Commit(transaction);
                _appended.Advance(range.NextOffset + (ulong)batch.Count);
                return range.NextOffset;
            },
            cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) => InTurnAsync(
        () =>
        {
            using var command = Command(
                _connection,
                """
                select start, next, first, count, checksum, payload from log
                left join (select * from batches where first <= $offset order by first desc limit 1)
                """, // one statement, so the range and the batch are of the same moment
                ("$offset", (long)Math.Min(offset, long.MaxValue)));
            using var row = command.ExecuteReader();
            row.Read();
            var range = new LogRange((ulong)row.GetInt64(0), (ulong)row.GetInt64(1));
            if (!range.Contains(offset))
                throw new OffsetOutOfRangeException(offset, range);
            var (first, payload) = ((ulong)row.GetInt64(2), (byte[])row[5]);
            if (row.GetInt64(4) != ChecksumOf(first, payload))
                throw new RecordCorruptException(offset);
            return RecordBatch.DecodeTrusted(payload, row.GetInt32(3)).From((int)(offset - first));
        },
        cancellationToken);

    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        InTurnAsync(() => RangeOf(_connection), cancellationToken);

    public async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        _appended.Advance((await GetRangeAsync(cancellationToken).ConfigureAwait(false)).NextOffset);
        var wait = _appended.WaitAsync(offset, cancellationToken);
        if (!wait.IsCompleted && Interlocked.CompareExchange(ref _pollers, 1, 0) == 0)
            _ = PollAsync();
        await wait.ConfigureAwait(false);
    }

    public async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) => await InTurnAsync(
        () =>
        {
            using var transaction = Begin();
            var range = RangeOf(_connection);
            if (offset > range.NextOffset)
                throw new OffsetOutOfRangeException(offset, range);
            Execute(
                _connection,
                "update log set start = max(start, $offset); delete from batches where first + count <= $offset",
                ("$offset", (long)offset));
            transaction.Commit();
            return range;
        },
        cancellationToken).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        _appended.Dispose();
        await _turn.WaitAsync().ConfigureAwait(false); // for the call that uses the connection
        try
        {
            await _connection.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Looks for what other clients append, for as long as somebody waits: SQLite notifies no one.</summary>
    private async Task PollAsync()
    {
        do
        {
            try
            {
                for (; _appended.PendingCount > 0 && !_isDisposed; await Task.Delay(PollInterval).ConfigureAwait(false))
                    _appended.Advance((await GetRangeAsync().ConfigureAwait(false)).NextOffset);
            }
            catch (Exception exception) when (exception is LogException or ObjectDisposedException)
            {
                _appended.FailPending(exception);
            }

            Volatile.Write(ref _pollers, 0);
        }
        while (_appended.PendingCount > 0 && !_isDisposed && Interlocked.CompareExchange(ref _pollers, 1, 0) == 0);
    }

    private async ValueTask<T> InTurnAsync<T>(Func<T> call, CancellationToken cancellationToken)
    {
        if (LogCalls.Refuse(this, _isDisposed, cancellationToken) is { } refusal)
            throw refusal;
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return _isDisposed ? throw LogCalls.Disposed(this) : call();
        }
        catch (SqliteException exception)
        {
            throw exception.SqliteErrorCode == SqliteFull
                ? new LogFullException(exception) : new LogUnavailableException(exception.Message, exception);
        }
        finally
        {
            _turn.Release();
        }
    }

    private SqliteTransaction Begin() => _connection.BeginTransaction(deferred: false); // for writing from the start: no deadlock

    private static void Commit(SqliteTransaction transaction)
    {
        try
        {
            transaction.Commit();
        }
        catch (SqliteException exception)
        {
            throw new AppendOutcomeUnknownException(exception); // the commit may have reached the disk
        }
    }

    private static LogRange RangeOf(SqliteConnection connection)
    {
        using var command = Command(connection, "select start, next from log");
        using var row = command.ExecuteReader();
        row.Read();
        return new LogRange((ulong)row.GetInt64(0), (ulong)row.GetInt64(1));
    }

    private static void Execute(SqliteConnection connection, string text, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = Command(connection, text, parameters);
        command.ExecuteNonQuery();
    }

    private static SqliteCommand Command(
        SqliteConnection connection, string text, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = text;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value);
        return command;
    }

    /// <summary>Covers the offset, too, so that a batch in the wrong place is found.</summary>
    private static long ChecksumOf(ulong first, ReadOnlySpan<byte> payload) =>
        Crc32C.Append(Crc32C.Append(0, MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in first))), payload);
}
