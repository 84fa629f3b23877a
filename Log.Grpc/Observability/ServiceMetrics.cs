using System.Diagnostics;
using System.Diagnostics.Metrics;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Streams;

namespace LogKit.Grpc.Observability;

/// <summary>
/// The meter <c>LogKit.Grpc</c> of the service. Names and units follow the conventions of OpenTelemetry. Counting does not allocate, and
/// the clock is read only if someone listens. docs/operations.md has the table.
/// </summary>
internal sealed class ServiceMetrics : IDisposable
{
    public const string MeterName = "LogKit.Grpc";

    private static readonly double[] DurationBoundsS =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

    private readonly ILog _log;
    private readonly LiveStreams _streams;
    private readonly Meter _meter;
    private readonly Volume _appended;
    private readonly Volume _read;
    private readonly Histogram<double> _appendDuration;
    private readonly Counter<long> _errors;
    private readonly Counter<long> _events;
    private readonly Lock _gate = new();
    private LogRange? _range; // the last known range

    public ServiceMetrics(IMeterFactory meters, ILog log, LiveStreams streams)
    {
        (_log, _streams) = (log, streams);
        _meter = meters.Create(MeterName);
        _appended = new Volume(_meter, "logkit.append", "appended and acknowledged");
        _read = new Volume(_meter, "logkit.read", "read and sent");
        _appendDuration = _meter.CreateHistogram(
            "logkit.append.duration", "s", "from the call of an append to its acknowledgment",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = DurationBoundsS });
        _errors = _meter.CreateCounter<long>("logkit.errors", "{error}", "calls that ended with an error, by reason");
        _events = _meter.CreateCounter<long>("logkit.log.events", "{event}", "changes of the log's state, by kind");
        _meter.CreateObservableUpDownCounter("logkit.streams.open", OpenStreams, "{stream}", "open streams, by kind");
        _meter.CreateObservableGauge(
            "logkit.log.start_offset", () => OfRange(range => range.StartOffset), "{record}", "the first offset that can be read");
        _meter.CreateObservableGauge(
            "logkit.log.next_offset", () => OfRange(range => range.NextOffset), "{record}", "the offset of the next record");
        _meter.CreateObservableGauge("logkit.tail.lag", () => OfRange(MaxLag), "{record}", "how many records the slowest tail is behind");
    }

    /// <summary>The start time of an append; 0 if nobody listens.</summary>
    public long Start() => _appendDuration.Enabled ? Stopwatch.GetTimestamp() : 0;

    /// <summary>Counts an acknowledged append.</summary>
    /// <param name="records">The number of records.</param>
    /// <param name="sizeBytes">The size of the batch.</param>
    /// <param name="started">The result of <see cref="Start"/>.</param>
    public void CountAppend(int records, int sizeBytes, long started)
    {
        _appended.Add(records, sizeBytes);
        if (started != 0)
            _appendDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    public void CountRead(RecordBatch batch) => _read.Add(batch.Count, batch.SizeBytes);

    /// <summary>Counts a call that ends with an error of the catalog.</summary>
    public void CountError(StatusException status) => _errors.Add(1, new KeyValuePair<string, object?>("reason", status.Reason));

    /// <summary>Counts an event of the log.</summary>
    public void CountEvent(LogEventKind kind) => _events.Add(1, new KeyValuePair<string, object?>("kind", kind.ToString()));

    public void Dispose() => _meter.Dispose();

    private Measurement<long>[] OpenStreams()
    {
        var (produce, consume) = _streams.CountByAction();
        return
        [
            new(produce, new KeyValuePair<string, object?>("kind", "produce")),
            new(consume, new KeyValuePair<string, object?>("kind", "consume")),
        ];
    }

    /// <summary>A measurement of the range; none until the range is known.</summary>
    private Measurement<long>[] OfRange(Func<LogRange, ulong> value)
    {
        _ = AskAsync();
        lock (_gate)
            return _range is { } range ? [new Measurement<long>((long)value(range))] : [];
    }

    /// <summary>Gets the range of the log. If that does not complete synchronously, the last known range is reported.</summary>
    private async Task AskAsync()
    {
        try
        {
            var range = await _log.GetRangeAsync();
            lock (_gate)
                _range = range;
        }
        catch (Exception exception) when (exception is LogException or ObjectDisposedException)
        {
            // The last known range remains.
        }
    }

    private ulong MaxLag(LogRange range) =>
        _streams.EarliestPosition() is { } position && position < range.NextOffset ? range.NextOffset - position : 0;

    /// <summary>The traffic in one direction, in batches, records, and bytes.</summary>
    private sealed class Volume(Meter meter, string name, string what)
    {
        private readonly Counter<long> _batches = meter.CreateCounter<long>($"{name}.batches", "{batch}", $"batches {what}");
        private readonly Counter<long> _records = meter.CreateCounter<long>($"{name}.records", "{record}", $"records {what}");
        private readonly Counter<long> _bytes = meter.CreateCounter<long>($"{name}.bytes", "By", $"bytes of batches {what}");

        public void Add(int records, int sizeBytes)
        {
            _batches.Add(1);
            _records.Add(records);
            _bytes.Add(sizeBytes);
        }
    }
}
