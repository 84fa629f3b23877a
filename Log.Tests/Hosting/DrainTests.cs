using LogKit.Client;
using LogKit.Disk;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hosting;

/// <summary>A stop under load: clients learn of it, and every stored append is acknowledged.</summary>
public sealed class DrainTests : IDisposable
{
    private const int Tails = 50;
    private const int Batches = 50;

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [LinuxFact]
    public async Task A_stop_acknowledges_every_stored_append_of_a_connection_that_keeps_sending()
    {
        for (var round = 0; round < 3 * TestSeed.Effort; round++)
        {
            var directory = _directory[$"log{round}"];
            using var server = ServerProcess.StartOn(directory);
            await using var log = GrpcLog.Connect(await server.AddressAsync());
            var tails = Enumerable.Range(0, Tails).Select(_ => Task.Run(() => TailAsync(log))).ToList();
            var acknowledged = 0;
            var stopAt = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var producing = Task.Run(async () =>
            {
                await foreach (var (_, batch) in log.AppendStreamAsync(EndlessAsync()))
                {
                    acknowledged += batch.Count;
                    if (acknowledged >= Batches)
                        stopAt.TrySetResult();
                }
            });
            await stopAt.Task.Within("the load");
            server.Signal("TERM");

            var produced = await Assert.ThrowsAsync<LogUnavailableException>(() => producing.Within("the producer to end"));
            Assert.Equal("the server is shutting down", produced.Message);
            foreach (var tail in tails)
            {
                var ended = await Assert.ThrowsAsync<LogUnavailableException>(() => tail.Within("a tail to end"));
                Assert.Equal("the server is shutting down", ended.Message);
            }

            Assert.Equal(0, await server.ExitCodeAsync());
            await using var reopened = DiskLog.Open(directory);
            Assert.Equal((ulong)acknowledged, reopened.Recovery.Range.NextOffset);
        }
    }

    private static async Task TailAsync(GrpcLog log)
    {
        await foreach (var _ in log.ReadFromAsync(0, stopAtEnd: false))
        {
            // The content does not matter.
        }
    }

    private static async IAsyncEnumerable<RecordBatch> EndlessAsync()
    {
        var batch = RecordBatch.OfText(new string('x', 200_000));
        while (true)
        {
            await Task.Yield();
            yield return batch;
        }
    }
}
