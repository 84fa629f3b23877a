namespace LogKit.Grpc.Observability;

/// <summary>
/// Whether the log still takes appends, as far as the service knows. A log that is read-only stays so until it is opened again.
/// </summary>
internal sealed class LogState
{
    private readonly TaskCompletionSource _readOnly = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether the log takes no more appends.</summary>
    public bool IsReadOnly => _readOnly.Task.IsCompleted;

    /// <summary>Completes once the log takes no more appends.</summary>
    public Task ReadOnly => _readOnly.Task;

    /// <summary>Records that the log takes no more appends; true the first time.</summary>
    public bool ReportReadOnly() => _readOnly.TrySetResult();
}
