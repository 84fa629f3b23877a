using System.Diagnostics;
using System.Runtime.CompilerServices;
using LogKit.Benchmarks.Service.Peers;
using LogKit.Client;
using LogKit.Client.Producing;

namespace LogKit.Benchmarks.Service;

/// <summary>Loads on a server. Each runs for a while, and returns the number of records that were acknowledged or received.</summary>
internal static class Loads
{
    public static RecordBatch BatchOf(int records, int recordBytes) =>
        new([.. Enumerable.Range(0, records).Select(_ => new Record(new byte[recordBytes]))]);

    /// <summary>Runs callers that each append a batch and await the answer.</summary>
    public static Task<long> UnaryAsync(ILog log, int callers, RecordBatch batch, double seconds) =>
        RepeatAsync(callers, seconds, batch.Count, () => log.AppendBatchAsync(batch).AsTask());

    /// <summary>Runs streams that each send as far ahead of the answers as flow control permits.</summary>
    public static async Task<long> StreamAsync(GrpcLog log, int streams, RecordBatch batch, double seconds)
    {
        var counts = await Task.WhenAll(Enumerable.Range(0, streams).Select(_ => Task.Run(async () =>
        {
            var count = 0L;
            await foreach (var _ in log.AppendStreamAsync(RepeatedAsync(batch, seconds)))
                count += batch.Count;
            return count;
        })));
        return counts.Sum();
    }

    /// <summary>Runs streams that each read the log from its start to its end.</summary>
    public static async Task<long> ConsumeAsync(GrpcLog log, int streams)
    {
        var counts = await Task.WhenAll(Enumerable.Range(0, streams).Select(_ => Task.Run(async () =>
        {
            var count = 0L;
            await foreach (var (_, batch) in log.ReadFromAsync(0, stopAtEnd: true))
                count += batch.Count;
            return count;
        })));
        return counts.Sum();
    }

    /// <summary>Runs callers that each read batches at random offsets.</summary>
    public static async Task<long> ReadAnywhereAsync(ILog log, int callers, double seconds)
    {
        var range = await log.GetRangeAsync();
        return await RepeatAsync(callers, seconds, 1, async () =>
            await log.ReadBatchAsync((ulong)Random.Shared.NextInt64((long)range.StartOffset, (long)range.NextOffset)));
    }

    /// <summary>Runs tasks that each append single records, with this many of them in flight.</summary>
    public static async Task<long> BatchingAsync(GrpcLog log, int tasks, int inFlight, int recordBytes, double seconds)
    {
        await using var producer = new BatchingProducer(log, new BatchingProducerOptions { Mode = ProducerMode.Shared });
        var value = new byte[recordBytes];
        return await RepeatAsync(tasks * inFlight, seconds, 1, () => producer.AppendAsync(value).AsTask());
    }

    /// <summary>Runs callers that each post one record and await the answer.</summary>
    public static Task<long> RestAsync(HttpClient client, int callers, int recordBytes, double seconds)
    {
        var request = new RestService.Appending(new byte[recordBytes]);
        return RepeatAsync(callers, seconds, 1, async () =>
        {
            using var response = await client.PostAsJsonAsync(RestService.Path, request, RestJson.Default.Appending);
            response.EnsureSuccessStatusCode();
            await response.Content.ReadFromJsonAsync(RestJson.Default.Appended);
        });
    }

    private static async Task<long> RepeatAsync(int callers, double seconds, int records, Func<Task> call)
    {
        var started = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            var count = 0L;
            for (; Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; count += records)
                await call();
            return count;
        })));
        return counts.Sum();
    }

    private static async IAsyncEnumerable<RecordBatch> RepeatedAsync(
        RecordBatch batch, double seconds, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var started = Stopwatch.GetTimestamp();
        for (; Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; cancellationToken.ThrowIfCancellationRequested())
            yield return batch;
        await Task.CompletedTask;
    }
}
