using System.Diagnostics;
using Npgsql;

namespace LogKit.Benchmarks.Postgres;

/// <summary>
/// The alternative that users would write themselves: a table with an identity column, and one inserted row per transaction.
/// </summary>
internal sealed class BareTable(string connectionString) : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString)
    {
        MaxPoolSize = 2_000,
        MaxAutoPrepare = 2,
        AutoPrepareMinUsages = 1,
    });

    public async Task CreateAsync()
    {
        await using var creation = _source.CreateCommand(
            "create table bare (id bigint generated always as identity primary key, value bytea not null)");
        await creation.ExecuteNonQueryAsync();
    }

    /// <summary>Inserts rows from several producers. Each has its own connection, which stays open.</summary>
    public async Task<double> InsertsPerSecondAsync(int producers, int recordBytes, double seconds)
    {
        var connections = new NpgsqlConnection[producers];
        for (var i = 0; i < producers; i++)
            connections[i] = await _source.OpenConnectionAsync();
        var value = new byte[recordBytes];
        var started = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(
            connections.Select(connection =>
                Task.Run(async () =>
                {
                    await using var insertion = new NpgsqlCommand("insert into bare (value) values ($1)", connection)
                    {
                        Parameters = { new() { Value = value } },
                    };
                    var count = 0L;
                    for (; Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; count++)
                        await insertion.ExecuteNonQueryAsync();
                    return count;
                })));
        var rate = counts.Sum() / Stopwatch.GetElapsedTime(started).TotalSeconds;
        foreach (var connection in connections)
            await connection.DisposeAsync();
        return rate;
    }

    /// <summary>Reads the rows of a query one after the other, with all columns. Returns the number of rows per second.</summary>
    public async Task<double> RowsPerSecondAsync(string query)
    {
        var started = Stopwatch.GetTimestamp();
        await using var command = _source.CreateCommand(query);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = 0L;
        var values = new object[reader.FieldCount];
        for (; await reader.ReadAsync(); rows++)
            reader.GetValues(values);
        return rows / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
