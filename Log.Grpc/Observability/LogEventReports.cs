using LogKit.Grpc.Errors;

namespace LogKit.Grpc.Observability;

/// <summary>
/// Forwards the events of the log to the journal, the metrics, and, if it no longer accepts appends, the health status. For a log that
/// reports no events, at least an append that it refuses as read-only is noticed.
/// </summary>
internal sealed class LogEventReports : IDisposable
{
    private readonly ILogger _journal;
    private readonly ServiceMetrics _metrics;
    private readonly LogState _state;
    private readonly IDisposable? _subscription;

    public LogEventReports(ILog log, ILoggerFactory journals, ServiceMetrics metrics, LogState state)
    {
        (_journal, _metrics, _state) = (journals.CreateLogger("LogKit"), metrics, state);
        ErrorCatalog.Preload();
        _subscription = (log as IObservableLog)?.Observe(Report);
    }

    /// <summary>Records that an append was refused because the log is read-only.</summary>
    public void SawReadOnly(LogReadOnlyException refusal)
    {
        if (_state.ReportReadOnly() && _subscription is null)
            Report(new LogEvent(LogEventKind.ReadOnly, $"{refusal.Message}. Fix the cause, then restart the server.", refusal));
    }

    public void Dispose() => _subscription?.Dispose();

    private void Report(LogEvent logEvent)
    {
        if (logEvent.Kind is LogEventKind.ReadOnly)
            _state.ReportReadOnly();
        _metrics.CountEvent(logEvent.Kind);
        var message = logEvent.Message.ReplaceLineEndings(" ");
        switch (logEvent.Kind)
        {
            case LogEventKind.ReadOnly:
                _journal.LogReadOnly(message);
                break;
            case LogEventKind.Full:
                _journal.LogFull(message);
                break;
            case LogEventKind.RoomAgain:
                _journal.LogRoomAgain(message);
                break;
            case LogEventKind.StorageLost:
                _journal.LogStorageLost(message);
                break;
            case LogEventKind.StorageBack:
                _journal.LogStorageBack(message);
                break;
            case LogEventKind.ClockSuspect:
                _journal.LogClockSuspect(message);
                break;
            case LogEventKind.ResourceExhausted:
                _journal.LogResourceExhausted(message);
                break;
            case LogEventKind.ResourceAvailable:
                _journal.LogResourceAvailable(message);
                break;
            default:
                _journal.LogNotice(message);
                break;
        }
    }
}
