namespace LogKit.Server.Observability;

/// <summary>What anybody who can connect can bring about, as often as they like.</summary>
internal enum StrangerEvent
{
    ConnectionLimit,
    NoDescriptor,
    NotHttp2,
    CertificateRefused,
    CallRefused,
}

/// <summary>
/// Keeps strangers from filling the journal: of each kind of event, the first few in a minute are said, and the others are counted, in one
/// line at the end of the minute. The metrics count all of them.
/// </summary>
internal sealed class StrangerReports
{
    /// <summary>How many are said in a minute: enough to see who it is, where they differ.</summary>
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

    /// <summary>Whether an event is to be said; else it is counted.</summary>
    public bool MaySay(StrangerEvent kind)
    {
        Look();
        lock (_gate)
        {
            ref var window = ref _windows[(int)kind];
            if (window.Said == 0)
                window.BegunAt = _time.GetTimestamp();
            // These have the same words each time.
            if (window.Said >= (kind is StrangerEvent.ConnectionLimit or StrangerEvent.NoDescriptor ? 1 : LinesPerMinute))
            {
                window.LeftOut++;
                return false;
            }

            window.Said++;
            return true;
        }
    }

    /// <summary>Says how many were left out, of the kinds whose minute is over. To be called now and then.</summary>
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
