using LogKit.Conformance.Running;

namespace LogKit.Conformance;

/// <summary>
/// The assertions of the rules. A failed check names its rule. There is no assertion library, so that none is forced on you.
/// </summary>
internal sealed class Check(RuleRun run)
{
    public void Equal<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw run.Violation($"{what}: expected {expected}, got {actual}");
    }

    public void True(bool condition, string expectation)
    {
        if (!condition)
            throw run.Violation(expectation);
    }

    public RuleViolationException Fail(string problem, Exception? cause = null) => run.Violation(problem, cause: cause);

    /// <summary>Asserts that two batches hold the same records, byte for byte.</summary>
    public void Same(RecordBatch expected, RecordBatch actual, string what)
    {
        if (Difference(expected, actual) is { } difference)
            throw run.Violation($"{what}: {difference}");
    }

    /// <summary>A description of how two batches differ; null if they do not.</summary>
    public static string? Difference(RecordBatch expected, RecordBatch actual)
    {
        if (expected.Count != actual.Count)
            return $"expected {expected.Count} records, got {actual.Count}";
        for (var i = 0; i < expected.Count; i++)
        {
            if (!expected[i].Value.Span.SequenceEqual(actual[i].Value.Span))
                return $"expected record {i} to be {OperationText.Short(expected[i])}, got {OperationText.Short(actual[i])}";
        }

        return null;
    }

    /// <summary>Asserts that an operation fails with an exception of a type.</summary>
    public async Task<TException> ThrowsAsync<TException>(Func<Task> action, string what)
        where TException : Exception
    {
        try
        {
            await EndsAsync(action(), what);
        }
        catch (Exception exception) when (exception is not RuleViolationException)
        {
            return exception as TException
                ?? throw run.Violation(
                    $"{what}: expected {typeof(TException).Name}, got {exception.GetType().Name}: {exception.Message}", cause: exception);
        }

        throw run.Violation($"{what}: expected {typeof(TException).Name}, but it succeeded");
    }

    /// <summary>Asserts that an operation stays pending for a moment. A correct log passes however long that is.</summary>
    public async Task PendingAsync(Task task, string expectation)
    {
        await Task.WhenAny(task, Task.Delay(run.Harness.Patience));
        True(!task.IsCompleted, expectation);
    }

    /// <summary>Asserts that an operation completes in time. Rethrows its exception.</summary>
    public async Task EndsAsync(Task task, string what)
    {
        var limit = run.Timeout * 1.25; // a call that hangs reports that first
        try
        {
            await task.WaitAsync(limit);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw run.Violation($"{what}: expected it to end, but nothing happened for {limit.TotalSeconds:0.#} seconds");
        }
    }

    public async Task<T> EndsAsync<T>(Task<T> task, string what)
    {
        await EndsAsync((Task)task, what);
        return await task;
    }
}
