namespace LogKit.Conformance;

/// <summary>What rules say of a log: each check names its rule when it fails. No assertion library, so that none is forced on you.</summary>
internal sealed class Check(string rule, TimeSpan timeout)
{
    public void Equal<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw Violation($"{what}: expected {expected}, got {actual}");
    }

    public void True(bool condition, string expectation)
    {
        if (!condition)
            throw Violation(expectation);
    }

    /// <summary>The batches hold the same records, byte for byte.</summary>
    public void Same(RecordBatch expected, RecordBatch actual, string what)
    {
        Equal(expected.Count, actual.Count, $"the number of records of {what}");
        for (var i = 0; i < expected.Count; i++)
        {
            if (!expected[i].Value.Span.SequenceEqual(actual[i].Value.Span))
                throw Violation($"record {i} of {what}: expected {Show(expected[i])}, got {Show(actual[i])}");
        }
    }

    /// <summary>Something ends with an exception of exactly one type.</summary>
    public async Task<TException> ThrowsAsync<TException>(Func<Task> action, string what)
        where TException : Exception
    {
        try
        {
            await Within(action(), what);
        }
        catch (Exception exception) when (exception is not RuleViolationException)
        {
            return exception as TException
                ?? throw Violation($"{what}: expected {typeof(TException).Name}, got {exception.GetType().Name}: {exception.Message}", exception);
        }

        throw Violation($"{what}: expected {typeof(TException).Name}, but it succeeded");
    }

    /// <summary>Something does not end by itself: looked at for a moment, which a sound log cannot fail.</summary>
    public async Task Pending(Task task, string expectation)
    {
        await Task.WhenAny(task, Task.Delay(TimeSpan.FromMilliseconds(200)));
        True(!task.IsCompleted, expectation);
    }

    /// <summary>Something ends in time.</summary>
    public async Task Within(Task task, string what)
    {
        try
        {
            await task.WaitAsync(timeout);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            throw Violation($"{what}: nothing happened for {timeout.TotalSeconds:0} seconds");
        }
    }

    public async Task<T> Within<T>(Task<T> task, string what)
    {
        await Within((Task)task, what);
        return await task;
    }

    private RuleViolationException Violation(string problem, Exception? cause = null) => new(rule, problem, cause);

    private static string Show(Record record) => record.Value.Length > 32
        ? $"{record.Value.Length} bytes {Convert.ToHexString(record.Value.Span[..32])}..."
        : $"{record.Value.Length} bytes {Convert.ToHexString(record.Value.Span)}";
}
