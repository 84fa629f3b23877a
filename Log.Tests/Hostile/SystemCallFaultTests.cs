using System.Collections.Concurrent;
using LogKit.Client;
using LogKit.Disk;
using LogKit.Tests.Support;
using Xunit.Abstractions;

namespace LogKit.Tests.Hostile;

/// <summary>
/// The real server while strace makes its system calls fail for a while, under load, at varying moments. No acknowledged record is lost,
/// the log is usable or reports that it is not, and the journal reports each change once.
/// </summary>
public sealed class SystemCallFaultTests(ITestOutputHelper output) : IDisposable
{
    private const int ReadOnly = 60, Full = 61, RoomAgain = 62, ResourceExhausted = 66, ResourceAvailable = 67, Notice = 68;

    private readonly TestDirectory _directory = new();

    public static TheoryData<string, string, int[]> Faults => new()
    {
        { "fdatasync", "error=EIO", [ReadOnly] },
        { "fdatasync", "error=ENOSPC", [ReadOnly] },
        { "fsync", "error=EIO", [ReadOnly] },
        { "pwrite64", "error=EIO", [ReadOnly] },
        { "pwrite64", "error=ENOSPC", [Full, RoomAgain] },
        { "pwrite64", "error=EDQUOT", [Full, RoomAgain] },
        { "fallocate", "error=ENOSPC", [Full, RoomAgain] },
        { "openat", "error=EMFILE", [ResourceExhausted, ResourceAvailable] },
        { "openat", "error=ENFILE", [ResourceExhausted, ResourceAvailable] },
        { "rename", "error=EIO", [ReadOnly] },
        { "unlink", "error=EIO", [Notice, Notice] },
        { "unlink", "error=EACCES", [Notice, Notice] },
    };

    public void Dispose() => _directory.Dispose();

    [StraceTheory]
    [MemberData(nameof(Faults))]
    public async Task A_failing_system_call_loses_no_acknowledged_record_and_is_reported_once(string call, string outcome, int[] entries)
    {
        for (var round = 0; round < TestSeed.Effort; round++)
            await FailAsync(_directory[$"log{round}"], call, outcome, entries);
    }

    private async Task FailAsync(string directory, string call, string outcome, int[] entries)
    {
        var seed = TestSeed.Next();
        var acknowledged = new ConcurrentDictionary<ulong, string>();
        var refused = new ConcurrentDictionary<string, int>();
        using var server = ServerProcess.StartOn(directory, "--Log:SegmentLimitBytes=65536", "--Log:RetentionLimitBytes=1000000");
        server.Expects(entries);
        await using var log = GrpcLog.Connect(await server.AddressAsync());
        using var enough = new CancellationTokenSource();
        var producers = Enumerable.Range(0, 4).Select(n => Task.Run(() => ProduceAsync(n))).ToList();
        await Poll.UntilAsync(() => Task.FromResult(acknowledged.Count > 20 + new Random(seed).Next(100)), "the load");
        using (await Strace.AttachAsync(server.Id, call, outcome))
            await server.SaysAsync($"LogKit[{entries[0]}]");
        if (entries is [_, var back])
            await Poll.UntilAsync(
                () => Task.FromResult(server.Entries.Count > 1 && server.Entries[1] == back),
                "it to be well again, by itself, as others append");
        await enough.CancelAsync();
        await Task.WhenAll(producers).Within("the producers to end");
        output.WriteLine($"seed {seed}: {acknowledged.Count} acknowledged; refused: {string.Join(", ", refused)}");
        output.WriteLine(server.Output);

        Assert.Equal(entries, server.Entries);
        Assert.Empty(server.Errors);
        if (entries is [ReadOnly])
            await Assert.ThrowsAsync<LogReadOnlyException>(async () => await log.AppendBatchAsync(RecordBatch.OfText("refused")));
        else
            acknowledged[await log.AppendBatchAsync(RecordBatch.OfText("afterwards"))] = "afterwards";
        await RequireAllAsync(log);

        server.Signal("KILL");
        await server.ExitCodeAsync();
        await using var reopened = DiskLog.Open(directory);
        await RequireAllAsync(reopened);

        async Task ProduceAsync(int producer)
        {
            for (var i = 0; !enough.IsCancellationRequested; i++)
            {
                var text = $"{producer} {i} {new string('x', 4000)}";
                try
                {
                    var offset = await log.AppendBatchAsync(RecordBatch.OfText(text));
                    Assert.True(acknowledged.TryAdd(offset, text), $"offset {offset} was given twice");
                }
                catch (LogException exception)
                    when (exception is LogReadOnlyException or LogFullException or LogUnavailableException or AppendOutcomeUnknownException)
                {
                    refused.AddOrUpdate(exception.GetType().Name, 1, (_, count) => count + 1);
                }
            }
        }

        async Task RequireAllAsync(ILog from)
        {
            var start = (await from.GetRangeAsync()).StartOffset;
            var read = await from.ReadAllTextAsync();
            foreach (var (offset, text) in acknowledged.Where(one => one.Key >= start))
                Assert.True(
                    read.ElementAtOrDefault((int)(offset - start)) == text,
                    $"offset {offset}, which was acknowledged, is lost; seed {seed}");
        }
    }
}
