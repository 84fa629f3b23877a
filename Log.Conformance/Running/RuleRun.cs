using System.Diagnostics;
using System.Text;
using LogKit.Conformance.Linearizability;

namespace LogKit.Conformance.Running;

/// <summary>
/// A run of a rule: opens and closes its logs through the harness, records their calls, and reports any failure as a violation of the rule,
/// with evidence.
/// </summary>
internal sealed class RuleRun : IAsyncDisposable
{
    private readonly string _runName;
    private readonly List<(string Name, RecordedLog Log)> _open = [];
    private readonly HashSet<string> _names = [];

    public RuleRun(LogRule rule, LogHarness harness)
    {
        Rule = rule;
        Harness = harness;
        _runName = $"{rule.Id.ToLowerInvariant()}-{Guid.NewGuid():N}";
        Timeout = harness.Timeout;
        Check = new Check(this);
    }

    public LogRule Rule { get; }

    public LogHarness Harness { get; }

    /// <summary>How long something that must happen may take. That of the harness, unless a failure is only being repeated.</summary>
    public TimeSpan Timeout { get; set; }

    /// <summary>The number of positions, or times, at which a rule crashes logs.</summary>
    public int CrashRounds => Math.Clamp(Harness.RaceRounds / 200, 6, 40);

    public History History { get; } = new();

    public Check Check { get; }

    public SynchronousCalls Calls { get; } = new();

    /// <summary>The current seed, if there is one, and other context for messages.</summary>
    public string? Seed { get; set; }

    /// <summary>The content of the log after all calls, for rules that check a whole history.</summary>
    public IReadOnlyList<LogEntry>? Content { get; set; }

    /// <summary>Set by rules about responses or exceptions: a kind of violation, besides a failed check, that breaks them.</summary>
    public RuleViolation AlsoBrokenBy { get; set; }

    /// <summary>Runs the rule itself.</summary>
    /// <exception cref="RuleViolationException">The rule failed.</exception>
    /// <exception cref="RuleSkippedException">The rule does not apply.</exception>
    public async Task RunAsync(Func<RuleRun, Task> rule)
    {
        try
        {
            await EndsOrBlocksAsync(Harness.IsSingleThreaded ? SingleThread.RunAsync(() => rule(this)) : Task.Run(() => rule(this)));
            foreach (var name in _open.Select(open => open.Name).Distinct().ToList())
                await CloseAsync(name);
        }
        catch (Exception exception) when (exception is not (RuleViolationException or RuleSkippedException))
        {
            throw Unexpected(exception);
        }
    }

    /// <summary>Opens the log of the rule, or another one by name. It is new and empty unless it was opened before.</summary>
    public Task<ILog> OpenAsync(string? suffix = null) => OpenAsync(suffix, Harness.OpenAsync, "opening the log");

    /// <summary>The same as <see cref="OpenAsync(string?)"/>, for rules that need <see cref="LogCapabilities.Truncate"/>.</summary>
    public async Task<ITruncatableLog> OpenTruncatableAsync(string? suffix = null) =>
        await OpenAsync(suffix) as ITruncatableLog
        ?? throw Violation($"{Harness.GetType().Name} declares {LogCapabilities.Truncate}, but its log is no {nameof(ITruncatableLog)}");

    public Task<ILog> OpenAtAsync(ulong startOffset, string? suffix = null) =>
        OpenAsync(suffix, name => Harness.OpenAtAsync(name, startOffset), $"opening a log that starts at {startOffset}");

    public Task<ILog> OpenSecondClientAsync(string? suffix = null) =>
        OpenAsync(suffix, Harness.OpenSecondClientAsync, "opening a second client");

    /// <summary>Disposes all clients of a log.</summary>
    public async Task CloseAsync(string? suffix = null)
    {
        foreach (var log in Take(suffix))
            await log.DisposeAsync();
    }

    public async Task<ILog> ReopenAsync(string? suffix = null)
    {
        await CloseAsync(suffix);
        return await OpenAsync(suffix);
    }

    /// <summary>Disposes one client of a log.</summary>
    public async Task CloseClientAsync(ILog client)
    {
        _open.RemoveAll(open => open.Log == client);
        await client.DisposeAsync();
    }

    /// <summary>Crashes the log, and leaves its objects in this process as they are.</summary>
    public Task CrashOnlyAsync(string? suffix = null) =>
        HarnessAsync(() => Harness.CrashAsync(NameOf(suffix)), nameof(Harness.CrashAsync));

    /// <summary>Crashes the log, and disposes what is left of it in this process.</summary>
    public async Task CrashAsync(string? suffix = null)
    {
        var crash = History.Begin(new Operation(OperationKind.Crash, 0) { Log = ShortName(suffix) });
        await CrashOnlyAsync(suffix);
        foreach (var log in Take(suffix))
        {
            try
            {
                await log.Inner.DisposeAsync().AsTask().WaitAsync(Timeout);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                // The log has crashed. What its disposal throws does not matter.
            }
        }

        History.End(crash);
    }

    public Task<bool> CrashSoonAsync(int step, string? suffix = null) =>
        HarnessAsync(() => Harness.CrashSoonAsync(NameOf(suffix), step), nameof(Harness.CrashSoonAsync));

    public Task<long> GetStoredBytesAsync(string? suffix = null) =>
        HarnessAsync(() => Harness.GetStoredBytesAsync(NameOf(suffix)), nameof(Harness.GetStoredBytesAsync));

    public Task CutAsync(long length, string? suffix = null) =>
        HarnessAsync(() => Harness.CutAsync(NameOf(suffix), length), nameof(Harness.CutAsync));

    public Task FlipByteAsync(long position, string? suffix = null) =>
        HarnessAsync(() => Harness.FlipByteAsync(NameOf(suffix), position), nameof(Harness.FlipByteAsync));

    public Task BreakStorageAsync(string? suffix = null) =>
        HarnessAsync(() => Harness.BreakStorageAsync(NameOf(suffix)), nameof(Harness.BreakStorageAsync));

    public Task HealStorageAsync(string? suffix = null) =>
        HarnessAsync(() => Harness.HealStorageAsync(NameOf(suffix)), nameof(Harness.HealStorageAsync));

    /// <summary>Cuts the connections of all clients of the log.</summary>
    public Task DisconnectAsync(string? suffix = null) =>
        NoteAsync(OperationKind.Disconnect, suffix, () => Harness.DisconnectAsync(NameOf(suffix)));

    public Task ReconnectAsync(string? suffix = null) =>
        NoteAsync(OperationKind.Reconnect, suffix, () => Harness.ReconnectAsync(NameOf(suffix)));

    /// <summary>Repeats a call while it fails because the log is unavailable, after its connections were restored.</summary>
    public async Task<T> UntilReachableAsync<T>(Func<Task<T>> call)
    {
        for (var started = Stopwatch.GetTimestamp(); ;)
        {
            try
            {
                return await call();
            }
            catch (LogUnavailableException exception)
            {
                if (Stopwatch.GetElapsedTime(started) > Timeout)
                {
                    throw Violation(
                        $"{Timeout.TotalSeconds:0.#} seconds after the connections were restored: expected the log to be available, got "
                            + $"{nameof(LogUnavailableException)}: {exception.Message}",
                        cause: exception);
                }

                await Task.Delay(1);
            }
        }
    }

    /// <summary>Closes a log that is no longer needed, so that a rule with many logs does not fill the disk.</summary>
    public async Task RemoveAsync(string? suffix = null)
    {
        await CloseAsync(suffix);
        await HarnessAsync(() => Harness.RemoveAsync(NameOf(suffix)), nameof(Harness.RemoveAsync));
        _names.Remove(NameOf(suffix));
    }

    public RuleViolationException Violation(string problem, RuleViolation violation = RuleViolation.Broken, Exception? cause = null)
    {
        if (violation == AlsoBrokenBy)
            violation = RuleViolation.Broken;
        var evidence = new StringBuilder();
        evidence.Append("  the rule: ").Append(Rule.Statement).Append('\n');
        evidence.Append("  why: ").Append(Rule.Why).Append('\n');
        evidence.Append("  the harness: ").Append(Harness.GetType().Name);
        if (Seed is { } seed)
            evidence.Append("\n  the seed: ").Append(seed);
        var operations = History.Last().ToList();
        if (operations.Count > 0)
            evidence.Append("\n  the last operations, as a program:");
        if (History.Earlier is var earlier and > 0)
            evidence.Append("\n    // ... after ").Append(earlier).Append(" others");
        foreach (var line in OperationText.Program(operations))
            evidence.Append("\n    ").Append(line);
        return new RuleViolationException(Rule.Id, problem, violation, evidence.ToString(), cause)
        {
            Seed = Seed,
            History = [.. History.Operations],
            Content = Content,
        };
    }

    /// <summary>Disposes and removes a log that has already failed, ignoring exceptions.</summary>
    public async Task DiscardAsync(string? suffix)
    {
        try
        {
            foreach (var log in Take(suffix))
                await log.Inner.DisposeAsync().AsTask().WaitAsync(Timeout);
            await Harness.RemoveAsync(NameOf(suffix)).AsTask().WaitAsync(Timeout);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // The failure of the rule is what counts.
        }

        _names.Remove(NameOf(suffix));
    }

    /// <summary>Disposes the logs of a failed rule, and removes those of any rule.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var name in _names.ToList())
            await DiscardAsync(name);
    }

    private async Task EndsOrBlocksAsync(Task rule)
    {
        using var end = new CancellationTokenSource();
        var blocked = Calls.BlockedAsync(Timeout * 1.5, end.Token);
        if (await Task.WhenAny(rule, blocked) == blocked && await blocked is { } operation)
        {
            _ = rule.ContinueWith(ended => ended.Exception, TaskScheduler.Default); // whatever comes of it
            throw Violation(
                $"{operation}\n  expected the call to return, whether or not it has ended, but it blocks the thread of its caller",
                RuleViolation.NoAnswer);
        }

        await end.CancelAsync();
        await rule;
    }

    private string NameOf(string? suffix) =>
        suffix is null || suffix.StartsWith(_runName, StringComparison.Ordinal) ? suffix ?? _runName : $"{_runName}-{suffix}";

    /// <summary>The name in messages.</summary>
    private static string ShortName(string? suffix) => suffix ?? Operation.DefaultLog;

    private async Task<ILog> OpenAsync(string? suffix, Func<string, ValueTask<ILog>> open, string what)
    {
        var name = NameOf(suffix);
        _names.Add(name);
        var client = _open.Count(log => log.Name == name);
        var operation = History.Begin(new Operation(OperationKind.Open, client) { Log = ShortName(suffix) });
        ILog log;
        try
        {
            log = await HarnessAsync(() => open(name), what);
        }
        catch (Exception exception) when (exception is not RuleViolationException)
        {
            History.Fail(operation, exception);
            throw;
        }

        History.End(operation);
        var recorded = RecordedLog.Of(log, ShortName(suffix), client, this);
        _open.Add((name, recorded));
        return recorded;
    }

    /// <summary>Calls the harness, which the program that shows a problem calls, too.</summary>
    private async Task NoteAsync(OperationKind kind, string? suffix, Func<ValueTask> call)
    {
        var operation = History.Begin(new Operation(kind, 0) { Log = ShortName(suffix) });
        await HarnessAsync(call, $"{kind}Async");
        History.End(operation);
    }

    private List<RecordedLog> Take(string? suffix)
    {
        var name = NameOf(suffix);
        var logs = _open.Where(open => open.Name == name).Select(open => open.Log).Reverse().ToList();
        _open.RemoveAll(open => open.Name == name);
        return logs;
    }

    private Task<object?> HarnessAsync(Func<ValueTask> call, string what) => HarnessAsync<object?>(
        async () =>
        {
            await call();
            return null;
        },
        what);

    private async Task<T> HarnessAsync<T>(Func<ValueTask<T>> call, string what)
    {
        var task = call().AsTask();
        try
        {
            return await task.WaitAsync(Timeout);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw Violation(
                $"{Harness.GetType().Name}, {what}: nothing happened for {Timeout.TotalSeconds:0.#} seconds", RuleViolation.NoAnswer);
        }
    }

    private RuleViolationException Unexpected(Exception exception)
    {
        var operation = History.Operations.LastOrDefault(operation =>
            operation.Failure == exception || (exception is OperationCanceledException && operation.IsCanceled));
        var what = operation is null ? $"{exception.GetType().Name}: {exception.Message}" : $"{operation}";
        var isLogs = exception is LogException or ArgumentException or OperationCanceledException or ObjectDisposedException;
        return Violation(
            $"{what}\n  where the rule needs it to succeed", isLogs ? RuleViolation.Broken : RuleViolation.ForeignException, exception);
    }
}
