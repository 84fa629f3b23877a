using LogKit.Conformance;
using LogKit.Conformance.Xunit;
using LogKit.InMemory;
using LogKit.Testing;
using LogKit.Tests.Support;

namespace LogKit.Tests.Testing;

public sealed class FaultyLogTests : IAsyncLifetime
{
    private readonly FaultyTruncatableLog _log = new(new InMemoryLog());

    public async Task InitializeAsync() => await _log.AppendBatchAsync(RecordBatch.OfText("a", "b"));

    public async Task DisposeAsync() => await _log.DisposeAsync();

    [Theory]
    [InlineData(true, 3)]
    [InlineData(false, 2)]
    public async Task An_append_whose_answer_is_lost_is_stored_or_not(bool isStored, ulong next)
    {
        _log.Inject(Fault.OutcomeUnknown(isStored), LogOperations.Append);
        await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() => AppendAsync("c"));
        Assert.Equal(new LogRange(0, next), await _log.GetRangeAsync());
        Assert.Equal(next, await AppendAsync("d")); // once only
    }

    [Fact]
    public async Task A_fault_happens_to_the_calls_that_it_is_meant_for()
    {
        using var fault = _log.Inject(
            Fault.Unavailable, LogOperations.Append | LogOperations.Read, skip: 1, times: 2, when: call => call.Offset is null or 1);
        Assert.Equal(2ul, await AppendAsync("c")); // skipped
        await _log.ReadBatchAsync(0); // not meant
        await Assert.ThrowsAsync<LogUnavailableException>(() => AppendAsync("d"));
        await _log.GetRangeAsync(); // not meant
        await Assert.ThrowsAsync<LogUnavailableException>(() => _log.ReadBatchesAsync(1, 100).AsTask());
        Assert.Equal(3ul, await AppendAsync("e")); // over
        Assert.Equal(2, fault.Count);
    }

    [Fact]
    public async Task A_removed_fault_happens_no_longer()
    {
        using (_log.Inject(Fault.Full, LogOperations.Append, times: int.MaxValue))
            await Assert.ThrowsAsync<LogFullException>(() => AppendAsync("c"));
        Assert.Equal(2ul, await AppendAsync("c"));
    }

    [Fact]
    public async Task A_log_that_became_read_only_stays_so_until_it_is_reopened()
    {
        _log.Inject(Fault.ReadOnly, LogOperations.Append);
        for (var i = 0; i < 2; i++)
            await Assert.ThrowsAsync<LogReadOnlyException>(() => AppendAsync("c"));
        await Assert.ThrowsAsync<LogReadOnlyException>(() => _log.TruncateBeforeAsync(1).AsTask());
        Assert.Equal("a", (await _log.ReadBatchAsync(0))[0].ToString());
        _log.Reopen();
        Assert.Equal(2ul, await AppendAsync("c"));
    }

    [Fact]
    public async Task Another_writer_gets_in_first()
    {
        _log.Inject(Fault.OtherWriter(RecordBatch.OfText("other")), LogOperations.Append);
        var mismatch = await Assert.ThrowsAsync<OffsetMismatchException>(() => AppendAsync("mine", expected: 2));
        Assert.Equal(3ul, mismatch.NextOffset);
        Assert.Equal("other", (await _log.ReadBatchAsync(2))[0].ToString());
    }

    [Fact]
    public async Task A_damaged_record_is_reported_and_nothing_else()
    {
        await AppendAsync("c");
        await AppendAsync("d");
        _log.Damage(2);
        Assert.Equal(2ul, (await Assert.ThrowsAsync<RecordCorruptException>(() => _log.ReadBatchAsync(2).AsTask())).Offset);
        Assert.Equal(2, Assert.Single(await _log.ReadBatchesAsync(0, 1000)).Count);
        Assert.Equal("d", (await _log.ReadBatchAsync(3))[0].ToString());
    }

    [Fact]
    public async Task A_hanging_call_goes_on_when_it_is_released_and_has_no_effect_when_it_is_canceled()
    {
        var released = new TaskCompletionSource();
        _log.Inject(Fault.HangUntil(released.Task), LogOperations.Append, times: 2);
        using var cancellation = new CancellationTokenSource();
        var canceled = _log.AppendBatchAsync(RecordBatch.OfText("canceled"), null, cancellation.Token).AsTask();
        var released2 = AppendAsync("released");
        await cancellation.CancelAsync();
        var exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => canceled);
        Assert.Equal(cancellation.Token, exception.CancellationToken);
        Assert.False(released2.IsCompleted);
        released.SetResult();
        Assert.Equal(2ul, await released2.Within("an append that was released"));
        _log.Inject(Fault.Delay(TimeSpan.FromMilliseconds(1)), LogOperations.All);
        Assert.Equal(new LogRange(0, 3), await _log.GetRangeAsync().AsTask().Within("a delayed call"));
    }

    [Theory]
    [InlineData(0.0, 0, 0)]
    [InlineData(0.5, 400, 600)]
    [InlineData(1.0, 1000, 1000)]
    public async Task Random_faults_happen_as_often_as_asked_however_many_there_are(double probability, int atLeast, int atMost)
    {
        await using var log = new FaultyLog(new InMemoryLog());
        using var faults = log.InjectRandomly(1, probability, Fault.Unavailable, Fault.Full, Fault.OutcomeUnknown(isStored: false));
        Assert.InRange(await FailuresAsync(() => log.AppendBatchAsync(RecordBatch.OfText("a")).AsTask()), atLeast, atMost);
        // The two faults that only appends can have take nothing from the others.
        Assert.InRange(await FailuresAsync(() => log.GetRangeAsync().AsTask()), atLeast, atMost);

        static async Task<int> FailuresAsync(Func<Task> call)
        {
            var failures = 0;
            for (var i = 0; i < 1000; i++)
            {
                try
                {
                    await call();
                }
                catch (LogException)
                {
                    failures++;
                }
            }

            return failures;
        }
    }

    [Fact]
    public async Task Random_faults_are_those_of_their_seed()
    {
        Assert.Equal(await OutcomesAsync(seed: 7), await OutcomesAsync(seed: 7));
        Assert.NotEqual(await OutcomesAsync(seed: 7), await OutcomesAsync(seed: 8));

        static async Task<string> OutcomesAsync(int seed)
        {
            await using var log = new FaultyLog(new InMemoryLog());
            using var faults = log.InjectRandomly(seed, 0.5, Fault.Unavailable, Fault.Full);
            var outcomes = new List<string>();
            for (var i = 0; i < 50; i++)
            {
                try
                {
                    outcomes.Add($"{await log.AppendBatchAsync(RecordBatch.OfText("x"))}");
                }
                catch (LogException exception)
                {
                    outcomes.Add(exception.GetType().Name);
                }
            }

            Assert.InRange(outcomes.Count(outcome => char.IsLetter(outcome[0])), 10, 40);
            return string.Join(' ', outcomes);
        }
    }

    [Fact]
    public void A_fault_that_cannot_happen_to_an_operation_is_refused()
    {
        var exception = Assert.Throws<ArgumentException>(() => _log.Inject(Fault.OutcomeUnknown(true), LogOperations.Read));
        Assert.StartsWith("the fault can happen to Append, not to Read", exception.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => _log.Inject(Fault.Full, LogOperations.None));
    }

    private Task<ulong> AppendAsync(string text, ulong? expected = null) =>
        _log.AppendBatchAsync(RecordBatch.OfText(text), expected).AsTask();
}

/// <summary>Without faults, the log keeps all promises.</summary>
public sealed class FaultyHarness : LogHarness
{
    public override LogCapabilities Capabilities => LogCapabilities.Truncate | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override int RaceRounds => 1000;

    public override ValueTask<ILog> OpenAsync(string name) => OpenAtAsync(name, 0);

    public override ValueTask<ILog> OpenAtAsync(string name, ulong startOffset)
    {
        var log = new FaultyTruncatableLog(new InMemoryLog(new InMemoryLogOptions { StartOffset = startOffset }));
        log.Inject(Fault.Unavailable, LogOperations.All, when: _ => false); // so that calls take the longer way
        return ValueTask.FromResult<ILog>(log);
    }
}

public sealed class FaultyLogConformance(FaultyHarness harness) : LogConformance<FaultyHarness>(harness);
