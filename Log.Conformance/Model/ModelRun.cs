using System.Diagnostics;
using System.Text;
using LogKit.Conformance.Running;

namespace LogKit.Conformance.Model;

/// <summary>Runs a program on a new log and on the model, and stops at the first step in which they differ.</summary>
internal sealed class ModelRun : IDisposable
{
    // If a failure is a hang, it is repeated with a shorter timeout than for the first and the last run.
    private static readonly TimeSpan HastyTimeout = TimeSpan.FromMilliseconds(500);

    private readonly RuleRun _run;
    private readonly string _name;
    private readonly ModelLog _model = new();
    private readonly List<Wait> _waits = [];
    private readonly CancellationTokenSource _end = new();

    private ModelRun(RuleRun run, string name, ILog log)
    {
        _run = run;
        _name = name;
        Log = log;
    }

    public ILog Log { get; private set; }

    /// <summary>Runs the programs of a seed, and fails with the smallest one that shows the problem.</summary>
    public static async Task TryAsync(RuleRun run, int seed, int length)
    {
        var steps = ProgramGenerator.Make(seed, run.Harness.Capabilities, Math.Min(20_000, run.Harness.BatchLimitBytes / 50), length);
        run.Seed = $"LOGKIT_SEED={seed}";
        var clock = Stopwatch.StartNew();
        if (await RunAsync(run, steps) is not { } first)
            return;
        if (clock.Elapsed >= run.Harness.Timeout)
            run.Timeout = HastyTimeout;
        var smallest = await Shrinker.ShrinkAsync(steps, run.Harness.Timeout, async program => (await RunAsync(run, program))?.Step);
        run.Timeout = run.Harness.Timeout;
        var last = await RunAsync(run, smallest);
        if (last is null)
        {
            smallest = steps;
            last = await RunAsync(run, steps)
                ?? throw run.Check.Fail(
                    $"{first.Problem}\n  in step {first.Step} of the program of seed {seed}, once and not again: a race, or something that "
                        + "it left behind");
        }

        run.History.Clear(); // the program replaces it
        throw run.Check.Fail(
            $"{last.Problem}\n  the program, shrunk from {steps.Count} steps to {smallest.Count}:\n{Text(run, smallest, last)}");
    }

    /// <summary>Finds where the outcome of a program differs from the model, if it does.</summary>
    public static async Task<Difference?> RunAsync(RuleRun run, IReadOnlyList<Step> program)
    {
        var name = $"{Guid.NewGuid():N}"[..8];
        run.History.Clear();
        using var model = new ModelRun(run, name, await run.OpenAsync(name));
        Difference? difference = null;
        for (var i = 0; i < program.Count && difference is null; i++)
        {
            var problem = await model.StepAsync(program[i]) ?? await model.WaitsAsync();
            difference = problem is null ? null : new Difference(i, problem);
        }

        difference ??= await model.EndAsync() is { } atEnd ? new Difference(program.Count, atEnd) : null;
        if (difference is null)
            await run.RemoveAsync(name);
        else
            await run.DiscardAsync(name);
        return difference;
    }

    public void Dispose() => _end.Dispose();

    public void BeginWait(ulong offset) => _waits.Add(new Wait(offset, Log.WaitForAppendAsync(offset, _end.Token).AsTask()));

    /// <summary>Appends what the model has appended already.</summary>
    /// <returns>The offset at which it is stored.</returns>
    public async Task<ulong> AppendStubbornlyAsync(RecordBatch batch, Trouble trouble)
    {
        var expected = _model.Range.NextOffset - (ulong)batch.Count;
        if (trouble is Trouble.Cut)
        {
            var append = AttemptAsync(batch, expected);
            await _run.DisconnectAsync(_name);
            await _run.Check.EndsAsync(append, "an append whose connection was cut");
            await _run.ReconnectAsync(_name);
            _waits.ForEach(wait => wait.WasCut = true);
            return await RetryAsync(batch, expected, await append);
        }

        await _run.BreakStorageAsync(_name);
        var outcome = await AttemptAsync(batch, expected);
        await _run.HealStorageAsync(_name);
        await ReopenAsync(afterCrash: false);
        return await RetryAsync(batch, expected, outcome);
    }

    public async Task ReopenAsync(bool afterCrash)
    {
        if (afterCrash)
            await _run.CrashAsync(_name);
        else
            await _run.CloseAsync(_name);
        foreach (var wait in _waits)
        {
            // An append whose outcome is unknown may have completed a wait for it.
            var mayHaveEnded = wait.Offset < _model.Range.NextOffset && wait.Task.IsCompletedSuccessfully;
            if (!afterCrash && !mayHaveEnded && !await wait.IsLostAsync())
                await _run.Check.ThrowsAsync<ObjectDisposedException>(
                    () => wait.Task, $"a wait for offset {wait.Offset}, which was pending when the log was disposed");
        }

        _waits.Clear();
        Log = await _run.OpenAsync(_name);
    }

    private async Task<string?> StepAsync(Step step)
    {
        var expected = step.Expect(_model);
        string actual;
        try
        {
            actual = await step.DoAsync(this);
        }
        catch (RuleViolationException violation)
        {
            return violation.Problem;
        }
        catch (Exception exception)
        {
            actual = Outcome.Of(exception);
        }

        return step.Accepts(actual, expected) ? null : $"{step.Statement(0)}\n    expected: {expected}\n    got:      {actual}";
    }

    /// <summary>Checks after each step that waits for existing offsets have completed, or do soon, and no others.</summary>
    private async Task<string?> WaitsAsync()
    {
        foreach (var wait in _waits.ToList())
        {
            var what = $"a wait for offset {wait.Offset} of {_model.Range}";
            if (wait.Offset >= _model.Range.NextOffset)
            {
                if (!wait.Task.IsCompleted)
                    continue;
                if (!await wait.IsLostAsync())
                    return $"{what}: expected it to be pending, but it "
                        + $"ended{(wait.Task.Exception is { } failure ? $" with {failure.InnerException}" : "")}";
            }
            else if (await ProblemOfAsync(() => _run.Check.EndsAsync(wait.Task, what)) is { } problem && !await wait.IsLostAsync())
            {
                return problem;
            }

            _waits.Remove(wait);
        }

        return null;
    }

    private async Task<string?> EndAsync()
    {
        await _end.CancelAsync();
        foreach (var wait in _waits)
        {
            var what = $"a wait for offset {wait.Offset}, which was canceled";
            if (await ProblemOfAsync(() => _run.Check.ThrowsAsync<OperationCanceledException>(() => wait.Task, what)) is { } problem
                && !await wait.IsLostAsync())
                return problem;
        }

        return null;
    }

    private async Task<Attempt> AttemptAsync(RecordBatch batch, ulong expected)
    {
        try
        {
            await Log.AppendBatchAsync(batch, expected);
            return Attempt.Stored;
        }
        catch (AppendOutcomeUnknownException)
        {
            return Attempt.Unknown;
        }
        catch (LogException exception) when (exception is LogUnavailableException or LogReadOnlyException or LogFullException)
        {
            return Attempt.NotStored;
        }
    }

    private async Task<ulong> RetryAsync(RecordBatch batch, ulong expected, Attempt last)
    {
        while (last is not Attempt.Stored)
        {
            try
            {
                await _run.UntilReachableAsync(async () => await Log.AppendBatchAsync(batch, expected));
                break;
            }
            catch (AppendOutcomeUnknownException)
            {
                last = Attempt.Unknown;
            }
            catch (OffsetMismatchException mismatch)
                when (last is Attempt.Unknown && mismatch.NextOffset == expected + (ulong)batch.Count)
            {
                break; // it was stored
            }
        }

        return expected;
    }

    private static async Task<string?> ProblemOfAsync(Func<Task> check)
    {
        try
        {
            await check();
            return null;
        }
        catch (RuleViolationException violation)
        {
            return violation.Problem;
        }
        catch (Exception exception)
        {
            return $"a wait ended with {exception.GetType().Name}: {exception.Message}";
        }
    }

    private static string Text(RuleRun run, IReadOnlyList<Step> program, Difference difference)
    {
        var text = new StringBuilder();
        text.Append("    await using var harness = new ").Append(run.Harness.GetType().Name).Append("();\n");
        text.Append("    var log = await harness.OpenAsync(\"log\");\n");
        var model = new ModelLog();
        for (var i = 0; i < program.Count; i++)
        {
            var outcome = program[i].Expect(model);
            var statement = $"{program[i].Statement(i)};";
            text.Append("    ")
                .Append(
                    outcome.Contains("Exception", StringComparison.Ordinal)
                        ? $"try {{ {statement} }} catch ({outcome.Split(' ')[0]}) {{ }}"
                        : statement);
            text.Append(i == difference.Step ? " // here it fails: expected " : " // ").Append(outcome).Append('\n');
        }

        return text.ToString().TrimEnd('\n');
    }

    private enum Attempt
    {
        Stored,
        NotStored,
        Unknown,
    }

    private sealed class Wait(ulong offset, Task task)
    {
        public ulong Offset => offset;

        public Task Task => task;

        /// <summary>Whether the connection was cut while it was pending.</summary>
        public bool WasCut { get; set; }

        /// <summary>Whether it ended because the connection was cut, which is one of the two things that it may do.</summary>
        public async Task<bool> IsLostAsync()
        {
            if (!WasCut || !task.IsCompleted)
                return false;
            try
            {
                await task;
                return false;
            }
            catch (Exception exception)
            {
                return exception is LogUnavailableException;
            }
        }
    }
}

/// <summary>The number of the first step in which a log differs from the model, and the difference.</summary>
internal sealed record Difference(int Step, string Problem);
