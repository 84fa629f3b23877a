namespace LogKit;

/// <summary>
/// For implementations of <see cref="ILog"/>: the checks at the start of every call. Each returns the exception that the contract requires,
/// or null if the call may proceed.
/// </summary>
public static class LogCalls
{
    /// <summary>Checks that the log is not disposed and the call is not canceled.</summary>
    /// <param name="log">The log, whose type name appears in the exception.</param>
    /// <param name="isDisposed">Whether disposal of the log has begun.</param>
    /// <param name="cancellationToken">The token of the call.</param>
    public static Exception? Refuse(ILog log, bool isDisposed, CancellationToken cancellationToken)
    {
        if (!isDisposed && !cancellationToken.IsCancellationRequested)
            return null;
        return isDisposed ? Disposed(log) : new OperationCanceledException(cancellationToken);
    }

    /// <summary>Checks that a batch is not empty and not over the limit.</summary>
    /// <param name="batch">The batch to append.</param>
    /// <param name="limitBytes">The limit of the log on <see cref="RecordBatch.SizeBytes"/>.</param>
    public static Exception? Refuse(RecordBatch batch, int limitBytes)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Count == 0)
            return new ArgumentException("batch must not be empty", nameof(batch));
        return batch.SizeBytes > limitBytes ? new BatchTooLargeException(batch.SizeBytes, limitBytes) : null;
    }

    /// <summary>Makes the exception for a call on a disposed log.</summary>
    public static ObjectDisposedException Disposed(ILog log)
    {
        ArgumentNullException.ThrowIfNull(log);
        return new ObjectDisposedException(log.GetType().FullName);
    }
}
