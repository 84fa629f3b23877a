using System.Globalization;
using System.Security.Cryptography;
using LogKit.Client;
using LogKit.Disk;
using LogKit.Tests.Support;
using Xunit.Abstractions;

namespace LogKit.Tests.Hostile.Soak;

/// <summary>
/// The real server under load and under several disturbances at the same time. At the end, no acknowledged record is lost or duplicated,
/// each tail has read every record once and in order, and the journal has no errors.
/// </summary>
/// <remarks>
/// Each test runs for 3 seconds, or for <c>LOGKIT_SOAK_SECONDS</c>, and at least until every disturbance has occurred once.
/// </remarks>
public sealed class SoakTests(ITestOutputHelper output) : IDisposable
{
    private const int DefaultSeconds = 3;

    private readonly TestDirectory _directory = new();

    private static TimeSpan Duration =>
        TimeSpan.FromSeconds(
            int.TryParse(
                Environment.GetEnvironmentVariable("LOGKIT_SOAK_SECONDS"), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                ? seconds
                : DefaultSeconds);

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_server_that_is_killed_and_attacked_loses_nothing_and_repeats_nothing()
    {
        using var server = new SoakServer(_directory["log"], new GrpcLogOptions(), "--Log:SegmentLimitBytes=1048576");
        await SoakAsync(server, disturbances =>
            [disturbances.Kills(), disturbances.ForeignBytes(), disturbances.MalformedCalls(), disturbances.MalformedConnections()]);
    }

    [Fact]
    public async Task A_secure_server_whose_files_change_loses_nothing_and_repeats_nothing()
    {
        using var files = new SoakFiles(_directory);
        using var server = new SoakServer(_directory["log"], files.Options, files.Settings);
        await SoakAsync(server, disturbances => [disturbances.NewFilesAndKills(files), disturbances.ForeignBytes()]);
    }

    private async Task SoakAsync(SoakServer server, Func<Disturbances, IReadOnlyList<Disturbance>> choose)
    {
        var seed = TestSeed.Next();
        output.WriteLine($"LOGKIT_SEED={seed}");
        var progress = new SoakProgress();
        var disturbances = choose(new Disturbances(server, progress, seed));
        SoakProducer[] producers = [.. Enumerable.Range(0, 3).Select(id => new SoakProducer(id, inOneStream: id == 0, server, progress))];
        SoakTail[] tails = [.. Enumerable.Range(0, 3).Select(_ => new SoakTail(server))];
        await server.StartAsync();

        using var stop = new CancellationTokenSource();
        using var stopTails = new CancellationTokenSource();
        var tailing = tails.Select(tail => tail.RunAsync(stopTails.Token)).ToList();
        var working = Task.WhenAll([
            .. producers.Select(producer => producer.RunAsync(stop.Token)),
            .. disturbances.Select(disturbance => disturbance.RunAsync(stop.Token)),
        ]);
        await Task.Delay(Duration, CancellationToken.None);
        await Task.WhenAll(disturbances.Select(disturbance => disturbance.Once)).Within("everything to have happened once");
        await stop.CancelAsync();
        await working.Within("the producers and what disturbs them to stop");
        await stopTails.CancelAsync();
        await Task.WhenAll(tailing).Within("the tails to stop");
        await Task.WhenAll(tails.Select(tail => tail.FinishAsync())).Within("the tails to reach the end");
        Assert.Equal(0, await server.StopAsync());

        output.WriteLine(
            $"{producers.Sum(producer => producer.Acknowledged.Count)} batches acknowledged, {tails[0].NextOffset} records, "
                + $"{server.Starts} starts, "
                + $"{string.Join(", ", disturbances.Select(disturbance => $"{disturbance.Steps} {disturbance.Name}"))}; "
                + $"tails interrupted {string.Join(", ", tails.Select(tail => tail.Interruptions))} times");
        await RequireKeptAsync(server.Directory, producers, tails);
        Assert.Empty(server.Complaints);
        Array.ForEach(tails, tail => tail.Dispose());
    }

    private static async Task RequireKeptAsync(string directory, SoakProducer[] producers, SoakTail[] tails)
    {
        await using var log = DiskLog.Open(directory);
        Assert.True(log.Recovery.WasClosedCleanly, $"{log.Recovery}");
        var awaited = producers
            .SelectMany(producer => producer.Acknowledged.Select(row => (row.Offset, producer.Id, row.Number)))
            .ToDictionary(row => row.Offset, row => (row.Id, row.Number));
        var latest = producers.ToDictionary(producer => producer.Id, _ => -1);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var end = (await log.GetRangeAsync()).NextOffset;
        for (var offset = 0ul; offset < end;)
        {
            var batch = await log.ReadBatchAsync(offset);
            hash.AppendData(batch.Encoded.Span);
            var (producer, number) = SoakProducer.Parse(batch);
            Assert.Equal(
                SoakProducer.BatchOf(producer, number).Select(record => record.ToString()), batch.Select(record => record.ToString()));
            Assert.True(
                number > latest[producer],
                $"batch {number} of producer {producer} at offset {offset} comes after batch {latest[producer]}");
            latest[producer] = number;
            if (awaited.Remove(offset, out var acknowledged))
                Assert.Equal(acknowledged, (producer, number));
            offset += (ulong)batch.Count;
        }

        Assert.Empty(awaited); // no acknowledged batch is missing
        Assert.Equal(0ul, log.Recovery.Range.StartOffset);
        var digest = Convert.ToHexStringLower(hash.GetHashAndReset());
        Assert.All(tails, tail => Assert.Equal((end, digest), (tail.NextOffset, tail.Digest)));
    }
}
