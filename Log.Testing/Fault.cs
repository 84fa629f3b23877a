namespace LogKit.Testing;

/// <summary>What happens to a call of a <see cref="FaultyLog"/> instead of what it asks for.</summary>
public abstract class Fault
{
    private Fault(LogOperations operations) => Operations = operations;

    /// <summary>The log cannot be reached: the call fails with <see cref="LogUnavailableException"/> and has no effect.</summary>
    public static Fault Unavailable { get; } = Throw(() => new LogUnavailableException("the log is unavailable (injected)"));

    /// <summary>There is no space: appends fail with <see cref="LogFullException"/>. Nothing is stored.</summary>
    public static Fault Full { get; } = new Thrower(LogOperations.Append, () => new LogFullException());

    /// <summary>
    /// A write failed: the append fails with <see cref="LogReadOnlyException"/>, and so do all later appends and truncations, until
    /// <see cref="FaultyLog.Reopen"/>. Nothing is stored.
    /// </summary>
    public static Fault ReadOnly { get; } = new ReadOnlyFault();

    /// <summary>The answer to an append is lost: it fails with <see cref="AppendOutcomeUnknownException"/>.</summary>
    /// <param name="isStored">Whether the batch is stored.</param>
    public static Fault OutcomeUnknown(bool isStored) => new LostAnswer(isStored);

    /// <summary>Another writer gets in first: its batch is appended, and then the call goes on.</summary>
    /// <param name="batch">The batch of the other writer.</param>
    public static Fault OtherWriter(RecordBatch batch) => new Intruder(batch ?? throw new ArgumentNullException(nameof(batch)));

    /// <summary>The call takes longer, then goes on.</summary>
    /// <param name="delay">How long it waits.</param>
    public static Fault Delay(TimeSpan delay) => new Waiting(token => Task.Delay(delay, token));

    /// <summary>The call waits until a task completes, then goes on. It can be canceled while it waits, and then has no effect.</summary>
    /// <param name="released">For example <see cref="TaskCompletionSource.Task"/>.</param>
    public static Fault HangUntil(Task released) => new Waiting(released.WaitAsync);

    /// <summary>The call fails with an exception and has no effect.</summary>
    /// <param name="exception">Creates the exception: one that <see cref="ILog"/> documents, so that the log remains a log.</param>
    public static Fault Throw(Func<Exception> exception) =>
        new Thrower(LogOperations.All, exception ?? throw new ArgumentNullException(nameof(exception)));

    /// <summary>The operations that the fault can happen to.</summary>
    internal LogOperations Operations { get; }

    internal abstract ValueTask<T> RunAsync<T>(FaultyLog log, Func<ValueTask<T>> call, CancellationToken cancellationToken);

    private sealed class Thrower(LogOperations operations, Func<Exception> exception) : Fault(operations)
    {
        internal override ValueTask<T> RunAsync<T>(FaultyLog log, Func<ValueTask<T>> call, CancellationToken cancellationToken) =>
            ValueTask.FromException<T>(exception());
    }

    private sealed class ReadOnlyFault() : Fault(LogOperations.Append)
    {
        internal override ValueTask<T> RunAsync<T>(FaultyLog log, Func<ValueTask<T>> call, CancellationToken cancellationToken)
        {
            log.IsReadOnly = true;
            return ValueTask.FromException<T>(new LogReadOnlyException());
        }
    }

    private sealed class LostAnswer(bool isStored) : Fault(LogOperations.Append)
    {
        internal override async ValueTask<T> RunAsync<T>(FaultyLog log, Func<ValueTask<T>> call, CancellationToken cancellationToken)
        {
            if (isStored)
                await call().ConfigureAwait(false);
            throw new AppendOutcomeUnknownException("the append's outcome is unknown: the answer was lost (injected)");
        }
    }

    private sealed class Intruder(RecordBatch batch) : Fault(LogOperations.All)
    {
        internal override async ValueTask<T> RunAsync<T>(FaultyLog log, Func<ValueTask<T>> call, CancellationToken cancellationToken)
        {
            await log.Inner.AppendBatchAsync(batch, expectedOffset: null, cancellationToken).ConfigureAwait(false);
            return await call().ConfigureAwait(false);
        }
    }

    private sealed class Waiting(Func<CancellationToken, Task> wait) : Fault(LogOperations.All)
    {
        internal override async ValueTask<T> RunAsync<T>(FaultyLog log, Func<ValueTask<T>> call, CancellationToken cancellationToken)
        {
            await wait(cancellationToken).ConfigureAwait(false);
            return await call().ConfigureAwait(false);
        }
    }
}
