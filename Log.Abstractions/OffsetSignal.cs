namespace LogKit;

/// <summary>
/// For those who implement <see cref="ILog"/>: waits for the end of a log to pass an offset. It is the part of a log that is
/// easiest to get subtly wrong (a wake lost between the check and the registration, waiters stranded by disposal, cancelled
/// waits that leak), so the built-in logs share this one.
/// </summary>
/// <remarks>Waiters are kept in the order of their offsets: an append costs nothing for those it does not reach.</remarks>
public sealed class OffsetSignal : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SortedSet<Waiter> _waiters = new(Waiter.ByOffset); // under _gate
    private readonly ILog _owner;
    private ulong _nextOffset; // written under _gate, read with Volatile
    private ulong _registrations; // under _gate: makes waiters for one offset distinct
    private bool _isDisposed; // set once under _gate, read with Volatile

    /// <summary>A signal that stands at an offset.</summary>
    /// <param name="nextOffset">The end of the log as it is opened.</param>
    /// <param name="owner">The log, whose name the <see cref="ObjectDisposedException"/> carries.</param>
    public OffsetSignal(ulong nextOffset, ILog owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        _nextOffset = nextOffset;
        _owner = owner;
    }

    /// <summary>How many waits are pending.</summary>
    public int PendingCount
    {
        get
        {
            lock (_gate)
                return _waiters.Count;
        }
    }

    /// <summary>Says that all offsets below this one can be read, and wakes those who wait for them. Going back has no effect.</summary>
    public void Advance(ulong nextOffset)
    {
        lock (_gate)
        {
            if (nextOffset <= _nextOffset)
                return;
            Volatile.Write(ref _nextOffset, nextOffset);
            while (_waiters.Min is { } first && first.Offset < nextOffset)
            {
                _waiters.Remove(first);
                first.SetResult(); // never runs the waiter's code here: see Waiter
            }
        }
    }

    /// <summary>The offset that the signal stands at.</summary>
    public ulong NextOffset => Volatile.Read(ref _nextOffset);

    /// <summary>
    /// Says that the log has turned out to end earlier, as after its storage was restored from a backup. Pending waits go on. Has no
    /// effect if the signal no longer stands where it was seen.
    /// </summary>
    /// <param name="seen">Where <see cref="NextOffset"/> stood before the log was asked where it ends.</param>
    /// <param name="nextOffset">What the log answered.</param>
    public void Rewind(ulong seen, ulong nextOffset)
    {
        lock (_gate)
        {
            if (_nextOffset == seen && nextOffset < seen)
                Volatile.Write(ref _nextOffset, nextOffset);
        }
    }

    /// <summary>Ends all pending waits with a failure. Later waits are not affected.</summary>
    public void FailPending(Exception exception)
    {
        lock (_gate)
        {
            foreach (var waiter in _waiters)
                waiter.SetException(exception);
            _waiters.Clear();
        }
    }

    /// <summary>Completes once <see cref="Advance"/> has passed an offset: at once if it already has.</summary>
    /// <exception cref="ObjectDisposedException">The signal is disposed, or is while waiting.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    public ValueTask WaitAsync(ulong offset, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        return offset < Volatile.Read(ref _nextOffset) && !Volatile.Read(ref _isDisposed)
            ? ValueTask.CompletedTask
            : new ValueTask(WaitForAdvanceAsync(offset, cancellationToken));
    }

    /// <summary>Ends all pending waits with <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            Volatile.Write(ref _isDisposed, true);
            FailPending(new ObjectDisposedException(_owner.GetType().FullName));
        }
    }

    private async Task WaitForAdvanceAsync(ulong offset, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, _owner);
            if (offset < _nextOffset)
                return;
            waiter = new Waiter(offset, _registrations++);
            _waiters.Add(waiter);
        }

        await using (cancellationToken.UnsafeRegister((_, token) => Cancel(waiter, token), null).ConfigureAwait(false))
            await waiter.Task.ConfigureAwait(false);
    }

    private void Cancel(Waiter waiter, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_waiters.Remove(waiter))
                waiter.SetCanceled(cancellationToken);
        }
    }

    /// <summary>Whoever takes a waiter out of the set, under the lock, completes it: so it is completed once.</summary>
    private sealed class Waiter(ulong offset, ulong registration) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public static readonly IComparer<Waiter> ByOffset = Comparer<Waiter>.Create(static (a, b) =>
            a.Offset == b.Offset ? a._registration.CompareTo(b._registration) : a.Offset.CompareTo(b.Offset));

        private readonly ulong _registration = registration;

        public ulong Offset { get; } = offset;
    }
}
