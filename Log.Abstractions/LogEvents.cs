namespace LogKit;

/// <summary>
/// For implementations of <see cref="IObservableLog"/>: delivers events to observers, in order, and never on the reporting thread, which
/// may hold locks of the log.
/// </summary>
public sealed class LogEvents
{
    /// <summary>The number of past events that a new observer receives.</summary>
    private const int HistoryLimit = 16;

    private readonly Lock _gate = new();
    private readonly Queue<LogEvent> _history = new(); // under _gate
    private readonly Queue<(LogEvent Event, Action<LogEvent>[] Observers)> _undelivered = new(); // under _gate
    private Action<LogEvent>[] _observers = []; // under _gate; replaced, never changed
    private bool _isDelivering; // under _gate

    /// <summary>Reports an event to all observers. Returns immediately.</summary>
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
        Action<LogEvent> own = observer.Invoke; // so that one delegate can have several subscriptions
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
                    // A failing observer must not affect the others, or end the process.
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
