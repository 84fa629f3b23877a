namespace LogKit.Server.Observability;

/// <summary>Events that anyone who can connect can cause, as often as they like.</summary>
internal enum StrangerEvent
{
    ConnectionLimit,
    NoDescriptor,
    NotHttp2,
    CertificateRefused,
    CallRefused,
}

/// <summary>
/// Keeps strangers from filling the journal: of each kind of event, the first few per minute are written, and one line at the end of the
/// minute counts the rest. The metrics count all of them.
/// </summary>
internal sealed class StrangerReports
{
    /// <summary>The number of entries per minute and kind, which is enough to see where they come from.</summary>
    public const int LinesPerMinute = 10;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly ILogger<StrangerReports> _journal;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Window[] _windows; // under _gate, by kind

    public StrangerReports(ILogger<StrangerReports> journal, IServiceProvider services)
    {
        (_journal, _time) = (journal, services.GetService<TimeProvider>() ?? TimeProvider.System);
        _windows = new Window[Enum.GetValues<StrangerEvent>().Length];
    }

    /// <summary>Returns whether to write an event to the journal. If not, it is counted.</summary>
    public bool MaySay(StrangerEvent kind)
    {
        Look();
        lock (_gate)
        {
            ref var window = ref _windows[(int)kind];
            if (window.Said == 0)
                window.BegunAt = _time.GetTimestamp();
            // These entries have the same text each time.
            if (window.Said >= (kind is StrangerEvent.ConnectionLimit or StrangerEvent.NoDescriptor ? 1 : LinesPerMinute))
            {
                window.LeftOut++;
                return false;
            }

            window.Said++;
            return true;
        }
    }

    /// <summary>Reports the number of omitted events for each kind whose minute is over. Call it regularly.</summary>
    public void Look()
    {
        for (var kind = 0; kind < _windows.Length; kind++)
        {
            long leftOut;
            lock (_gate)
            {
                ref var window = ref _windows[kind];
                if (window.Said == 0 || _time.GetElapsedTime(window.BegunAt) < Minute)
                    continue;
                leftOut = window.LeftOut;
                window = default;
            }

            if (leftOut > 0)
                _journal.LogLeftOut(leftOut, (StrangerEvent)kind);
        }
    }

    private struct Window
    {
        public long BegunAt;
        public int Said;
        public long LeftOut;
    }
}
