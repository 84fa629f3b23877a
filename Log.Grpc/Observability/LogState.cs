namespace LogKit.Grpc.Observability;

/// <summary>
/// Whether the log accepts appends, as far as the service knows. A read-only log stays read-only until it is reopened.
/// </summary>
internal sealed class LogState
{
    private readonly TaskCompletionSource _readOnly = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether the log is read-only.</summary>
    public bool IsReadOnly => _readOnly.Task.IsCompleted;

    /// <summary>Completes once the log is read-only.</summary>
    public Task ReadOnly => _readOnly.Task;

    /// <summary>Records that the log is read-only. Returns true the first time.</summary>
    public bool ReportReadOnly() => _readOnly.TrySetResult();
}
