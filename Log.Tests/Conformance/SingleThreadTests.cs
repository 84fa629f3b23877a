using System.Collections.Concurrent;
using LogKit.Conformance;
using LogKit.Disk;
using LogKit.InMemory;
using LogKit.Testing;
using LogKit.Tests.Conformance.Broken;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance;

/// <summary>The whole suite under a single-threaded synchronization context, as a user interface has it.</summary>
public sealed class SingleThreadTests
{
    [Fact]
    public Task The_in_memory_log_passes() =>
        PassesAsync(new SingleThreadedHarness(_ => new InMemoryLog(), LogCapabilities.Truncate | LogCapabilities.Limits));

    [Fact]
    public async Task The_disk_log_passes()
    {
        using var directory = new TestDirectory();
        await PassesAsync(
            new SingleThreadedHarness(
                name => DiskLog.Open(directory[name]), LogCapabilities.Truncate | LogCapabilities.Limits | LogCapabilities.Reopen));
    }

    [Fact]
    public async Task A_client_passes()
    {
        var servers = new List<LogTestServer>();
        await using var harness = new SingleThreadedHarness(
            async _ =>
            {
                var server = await LogTestServer.StartAsync();
                lock (servers)
                    servers.Add(server);
                return server.Connect();
            },
            LogCapabilities.Limits);
        await PassesAsync(harness);
        foreach (var server in servers)
            await server.DisposeAsync();
    }

    [Fact]
    public async Task A_log_that_blocks_on_what_needs_its_callers_thread_is_found()
    {
        var rule = LogRules.Get("APPEND-01");
        var usual = await rule.RunAsync(new BrokenHarness(new Mutant("blocks", rule.Id, log => new BlocksOnItsAppends(log))));
        Assert.Equal(RuleOutcome.Passed, usual.Outcome);
        var harness = new SingleThreadedHarness(_ => new BlocksOnItsAppends(new InMemoryLog()), LogCapabilities.None)
        {
            Limit = TimeSpan.FromSeconds(1),
        };
        var result = await rule.RunAsync(harness);
        Assert.Equal(RuleOutcome.Failed, result.Outcome);
        Assert.Contains("it blocks the thread of its caller", result.Message, StringComparison.Ordinal);
    }

    private static async Task PassesAsync(LogHarness harness)
    {
        var failures = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(LogRules.All, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (rule, _) =>
        {
            if (await rule.RunAsync(harness) is { Outcome: not (RuleOutcome.Passed or RuleOutcome.Skipped) } result)
                failures.Add(result.Message!);
        });
        Assert.True(failures.IsEmpty, string.Join("\n\n", failures));
    }

    private sealed class SingleThreadedHarness(Func<string, ValueTask<ILog>> open, LogCapabilities capabilities) : LogHarness
    {
        public SingleThreadedHarness(Func<string, ILog> open, LogCapabilities capabilities)
            : this(name => ValueTask.FromResult(open(name)), capabilities)
        {
        }

        public override LogCapabilities Capabilities => capabilities;

        public override int RaceRounds => 20;

        public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(5);

        public override TimeSpan Timeout => Limit;

        internal override bool IsSingleThreaded => true;

        public override ValueTask<ILog> OpenAsync(string name) => open(name);
    }

    /// <summary>Has a synchronous core, which it made from an asynchronous one.</summary>
    private sealed class BlocksOnItsAppends(ITruncatableLog inner) : LogDecorator(inner)
    {
        public override ValueTask<ulong> AppendBatchAsync(
            RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(AppendAsync(batch, expectedOffset, cancellationToken).GetAwaiter().GetResult());

        private async Task<ulong> AppendAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken)
        {
            await Task.Yield();
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        }
    }
}
