using System.Diagnostics;
using LogKit.Benchmarks.Disk;
using LogKit.Benchmarks.Results;
using LogKit.Benchmarks.Service;
using LogKit.Client;
using LogKit.Postgres;
using LogKit.Tests.Postgres;
using static LogKit.Benchmarks.Results.Row;

namespace LogKit.Benchmarks.Postgres;

/// <summary>The log on a dedicated PostgreSQL server, compared with bare tables on the same server.</summary>
internal sealed class PostgresBenchmarks(BenchmarkSettings settings, Table table)
{
    private const int RecordBytes = 100;
    private const int MaxProducers = 1_024;

    private static readonly RecordBatch One = Loads.BatchOf(1, RecordBytes);

    public async Task RunAsync()
    {
        if (PostgresCluster.ReasonToSkip is { } reason)
        {
            Console.WriteLine($"(left out: {reason})");
            return;
        }

        using var cluster = new PostgresCluster(connectionLimit: MaxProducers + 100);
        await settings.RunAsync(
            ("append", () => AppendAsync(cluster)), ("read", () => ReadAsync(cluster)), ("servers", () => ServersAsync(cluster)));
    }

    private async Task AppendAsync(PostgresCluster cluster)
    {
        await using var bare = new BareTable(cluster.ConnectionString);
        await bare.CreateAsync();
        await using var log = await OpenAsync(cluster, "appended");
        foreach (var (producers, target) in ((int, double)[])[(1, 0.7), (64, 5), (MaxProducers, 12)])
        {
            var result = await Rounds.CompareAsync(
                () => AppendsPerSecondAsync(producers, log), () => bare.InsertsPerSecondAsync(producers, RecordBytes, settings.Seconds));
            table.Add(result.ToRow(
                $"durable append, {producers:N0} producer{(producers == 1 ? "" : "s")}, one record each",
                $"bare inserts of the same, {producers:N0} connection{(producers == 1 ? "" : "s")}", "/s", Bound.AtLeast(target)));
        }
    }

    private async Task ReadAsync(PostgresCluster cluster)
    {
        const int BlockBytes = 256 * 1024;
        await using var bare = new BareTable(cluster.ConnectionString);
        foreach (var (records, batches) in ((int, int)[])[(1, 100_000), (100, 20_000)])
        {
            var name = $"read_{records}";
            await using var log = await OpenAsync(cluster, name);
            await Filling.FillAsync(log, Loads.BatchOf(records, RecordBytes), batches);
            var result = await Rounds.CompareAsync(
                () => BatchesPerSecondAsync(log, BlockBytes),
                () =>
                    bare.RowsPerSecondAsync(
                        "select first_offset, record_count, checksum, payload from logkit.batches where log_id = (select id from "
                            + $"logkit.logs where name = '{name}') order by first_offset"));
            table.Add(
                result.ToRow(
                    $"read of the whole log, {(records == 1 ? "one record a batch" : $"batches of {records}")}",
                    "bare SELECT of the same rows",
                    " batches/s",
                    Bound.AtLeast(0.6)));
        }
    }

    private async Task ServersAsync(PostgresCluster cluster)
    {
        const int Producers = 64;
        for (var count = 2; count <= 3; count++)
        {
            var servers = new List<ServerProcess>();
            var logs = new List<GrpcLog>();
            try
            {
                for (var i = 0; i < count; i++)
                {
                    servers.Add(
                        await ServerProcess.StartLogKitAsync(
                            "--Log:Backend=Postgres", "--Log:LogName=served", $"--Log:ConnectionString={cluster.ConnectionString}"));
                    logs.Add(GrpcLog.Connect(servers[i].Address));
                }

                var result = await Rounds.CompareAsync(
                    () => AppendsPerSecondAsync(Producers, [.. logs]), () => AppendsPerSecondAsync(Producers, logs[0]));
                table.Add(
                    result.ToRow(
                        $"durable append through {count} servers of one log, {Producers} producers in all", "through 1 server", "/s"));
            }
            finally
            {
                foreach (var log in logs)
                    await log.DisposeAsync();
                servers.ForEach(server => server.Dispose());
            }
        }
    }

    private async Task<double> AppendsPerSecondAsync(int producers, params ILog[] logs)
    {
        var started = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(logs.Select(log => Loads.UnaryAsync(log, producers / logs.Length, One, settings.Seconds)));
        return counts.Sum() / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<double> BatchesPerSecondAsync(PostgresLog log, int limitBytes)
    {
        var started = Stopwatch.GetTimestamp();
        var range = await log.GetRangeAsync();
        var count = 0L;
        for (var offset = range.StartOffset; offset < range.NextOffset;)
        {
            var batches = await log.ReadBatchesAsync(offset, limitBytes);
            count += batches.Count;
            foreach (var batch in batches)
                offset += (ulong)batch.Count;
        }

        return count / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static Task<PostgresLog> OpenAsync(PostgresCluster cluster, string name) =>
        PostgresLog.OpenAsync(new PostgresLogOptions { ConnectionString = cluster.ConnectionString, LogName = name });
}
