namespace LogKit;

/// <summary>
/// For implementations of <see cref="ILog"/>: waits until the end of a log passes an offset. This is the part of a log that is easiest to
/// get subtly wrong (a wakeup lost between check and registration, waiters stranded by disposal, canceled waits that leak), so the built-in
/// logs share one implementation.
/// </summary>
/// <remarks>Waiters are sorted by offset, so an append costs nothing for waiters that it does not reach.</remarks>
public sealed class OffsetSignal : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SortedSet<Waiter> _waiters = new(Waiter.ByOffset); // under _gate
    private readonly object _owner;
    private ulong _nextOffset; // written under _gate, read with Volatile
    private ulong _registrations; // under _gate: makes waiters for one offset distinct
    private bool _isDisposed; // set once under _gate, read with Volatile

    /// <summary>Makes a signal for a log that ends at an offset.</summary>
    /// <param name="nextOffset">The next offset of the log when it is opened.</param>
    /// <param name="owner">The log, or its store, whose type name appears in <see cref="ObjectDisposedException"/>.</param>
    public OffsetSignal(ulong nextOffset, object owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        _nextOffset = nextOffset;
        _owner = owner;
    }

    /// <summary>The number of pending waits.</summary>
    public int PendingCount
    {
        get
        {
            lock (_gate)
                return _waiters.Count;
        }
    }

    /// <summary>
    /// Reports that all offsets below this one can be read, and completes the waits for them. A lower offset than before has no effect.
    /// </summary>
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
                first.SetResult(); // never runs the waiter's continuation here: see Waiter
            }
        }
    }

    /// <summary>The next offset, as last reported.</summary>
    public ulong NextOffset => Volatile.Read(ref _nextOffset);

    /// <summary>
    /// Reports that the log ends earlier than was known, for example because its storage was restored from a backup. Pending waits
    /// continue. Has no effect if <see cref="NextOffset"/> has changed since it was read.
    /// </summary>
    /// <param name="seen">The value of <see cref="NextOffset"/> before the end of the log was looked up.</param>
    /// <param name="nextOffset">The next offset that was found.</param>
    public void Rewind(ulong seen, ulong nextOffset)
    {
        lock (_gate)
        {
            if (_nextOffset == seen && nextOffset < seen)
                Volatile.Write(ref _nextOffset, nextOffset);
        }
    }

    /// <summary>Fails all pending waits. Later waits are not affected.</summary>
    public void FailPending(Exception exception)
    {
        lock (_gate)
        {
            foreach (var waiter in _waiters)
                waiter.SetException(exception);
            _waiters.Clear();
        }
    }

    /// <summary>Completes once <see cref="Advance"/> has passed an offset, which is at once if it already has.</summary>
    /// <exception cref="ObjectDisposedException">The signal is disposed, before or during the wait.</exception>
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

    /// <summary>Whoever removes a waiter from the set, under the lock, completes it; so it completes exactly once.</summary>
    private sealed class Waiter(ulong offset, ulong registration) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public static readonly IComparer<Waiter> ByOffset = Comparer<Waiter>.Create(static (a, b) =>
            a.Offset == b.Offset ? a._registration.CompareTo(b._registration) : a.Offset.CompareTo(b.Offset));

        private readonly ulong _registration = registration;

        public ulong Offset { get; } = offset;
    }
}
