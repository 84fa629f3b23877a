namespace LogKit.Grpc.Service;

/// <summary>Bytes that may be on their way: some take and wait where there are none left, others return.</summary>
internal sealed class ByteBudget(long limitBytes)
{
    private readonly Lock _gate = new();
    private long _taken;
    private TaskCompletionSource? _returned;

    /// <summary>Takes bytes, once what is taken already is below the limit: so a single large one always gets through.</summary>
    public async ValueTask TakeAsync(int bytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task returned;
            lock (_gate)
            {
                if (_taken == 0 || _taken + bytes <= limitBytes)
                {
                    _taken += bytes;
                    return;
                }

                _returned ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                returned = _returned.Task;
            }

            await returned.WaitAsync(cancellationToken);
        }
    }

    public void Return(long bytes)
    {
        lock (_gate)
        {
            _taken -= bytes;
            _returned?.TrySetResult();
            _returned = null;
        }
    }
}
