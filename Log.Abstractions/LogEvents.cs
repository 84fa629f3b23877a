namespace LogKit;

/// <summary>
/// For those who implement <see cref="IObservableLog"/>: passes events on to observers, in order, without ever calling one on the
/// reporting thread, which may hold locks of the log.
/// </summary>
public sealed class LogEvents
{
    /// <summary>How many past events a new observer is told of.</summary>
    private const int HistoryLimit = 16;

    private readonly Lock _gate = new();
    private readonly Queue<LogEvent> _history = new(); // under _gate
    private readonly Queue<(LogEvent Event, Action<LogEvent>[] Observers)> _undelivered = new(); // under _gate
    private Action<LogEvent>[] _observers = []; // under _gate; an array is never changed, only replaced
    private bool _isDelivering; // under _gate

    /// <summary>Reports an event to all observers. Returns at once.</summary>
    public void Report(LogEvent logEvent)
    {
        ArgumentNullException.ThrowIfNull(logEvent);
        lock (_gate)
        {
            if (_history.Count == HistoryLimit)
                _history.Dequeue();
            _history.Enqueue(logEvent);
            Enqueue(logEvent, _observers);
        }
    }

    /// <inheritdoc cref="IObservableLog.Observe"/>
    public IDisposable Observe(Action<LogEvent> observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        Action<LogEvent> own = observer.Invoke; // the same delegate may observe twice, and end its subscriptions one by one
        lock (_gate)
        {
            foreach (var logEvent in _history)
                Enqueue(logEvent, [own]);
            _observers = [.. _observers, own];
        }

        return new Subscription(this, own);
    }

    private void Enqueue(LogEvent logEvent, Action<LogEvent>[] observers)
    {
        if (observers.Length == 0)
            return;
        _undelivered.Enqueue((logEvent, observers));
        if (_isDelivering)
            return;
        _isDelivering = true;
        ThreadPool.UnsafeQueueUserWorkItem(static self => self.Deliver(), this, preferLocal: false);
    }

    private void Deliver()
    {
        while (true)
        {
            (LogEvent Event, Action<LogEvent>[] Observers) next;
            lock (_gate)
            {
                if (!_undelivered.TryDequeue(out next))
                {
                    _isDelivering = false;
                    return;
                }
            }

            foreach (var observer in next.Observers)
            {
                try
                {
                    observer(next.Event);
                }
                catch (Exception exception) when (exception is not OutOfMemoryException)
                {
                    // An observer's failure must not keep the others from hearing, or end the process.
                }
            }
        }
    }

    private void Remove(Action<LogEvent> observer)
    {
        lock (_gate)
            _observers = Array.FindAll(_observers, other => !ReferenceEquals(other, observer));
    }

    private sealed class Subscription(LogEvents events, Action<LogEvent> observer) : IDisposable
    {
        public void Dispose() => events.Remove(observer);
    }
}
