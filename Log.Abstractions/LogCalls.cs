namespace LogKit;

/// <summary>
/// For those who implement <see cref="ILog"/>: the checks that come first in every call, with the exceptions that the contract asks for.
/// Each returns the exception to fail the call with, or null if the call may go on.
/// </summary>
public static class LogCalls
{
    /// <summary>Refuses a call on a disposed log, or one that is canceled before it begins.</summary>
    /// <param name="log">The log, whose name the exception carries.</param>
    /// <param name="isDisposed">Whether disposing it has begun.</param>
    /// <param name="cancellationToken">The call's.</param>
    public static Exception? Refuse(ILog log, bool isDisposed, CancellationToken cancellationToken)
    {
        if (!isDisposed && !cancellationToken.IsCancellationRequested)
            return null;
        return isDisposed ? Disposed(log) : new OperationCanceledException(cancellationToken);
    }

    /// <summary>Refuses an append of an empty batch, or of one over the limit.</summary>
    /// <param name="batch">What is to be appended.</param>
    /// <param name="limitBytes">The largest encoding that the log takes.</param>
    public static Exception? Refuse(RecordBatch batch, int limitBytes)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Count == 0)
            return new ArgumentException("batch must not be empty", nameof(batch));
        return batch.SizeBytes > limitBytes ? new BatchTooLargeException(batch.SizeBytes, limitBytes) : null;
    }

    /// <summary>The exception for a call on a disposed log.</summary>
    public static ObjectDisposedException Disposed(ILog log)
    {
        ArgumentNullException.ThrowIfNull(log);
        return new ObjectDisposedException(log.GetType().FullName);
    }
}
