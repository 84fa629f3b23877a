using LogKit.Disk;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>
/// A run of everything that changes files: opening, single and grouped appends, rolls, truncation, retention, closing, and reopening. It
/// records the outcomes, which are compared with the log afterwards.
/// </summary>
internal sealed class ScriptedRun
{
    private const int SegmentLimitBytes = 64 * 1024;

    private static readonly DiskLogOptions SmallSegments = new()
    {
        SegmentLimitBytes = SegmentLimitBytes,
        ReserveBytes = 8 * 1024,
        Background = work => work(),
    };

    private static readonly RecordBatch AfterCrash = RecordBatch.OfText("after the crash");

    private readonly DiskLogOptions _options;
    private readonly Queue<Action> _background = [];
    private readonly List<RecordBatch> _submitted = [AfterCrash];
    private readonly Dictionary<ulong, RecordBatch> _acknowledged = [];
    private ulong _seenNextOffset;
    private ulong _truncatedTo;
    private ulong _askedTruncation;

    private ScriptedRun(string flavor) => _options = flavor switch
    {
        Sealed => SmallSegments,
        SealedLater => SmallSegments with { Background = _background.Enqueue },
        NeverFlushed => SmallSegments with { FlushMode = FlushMode.Never, Background = _background.Enqueue },
        Retained => SmallSegments with { RetentionLimitBytes = 3 * SegmentLimitBytes },
        _ => throw new ArgumentOutOfRangeException(nameof(flavor), flavor, "there is no such flavor"),
    };

    // The flavors of the run.
    public const string Sealed = "segments are sealed at once";
    public const string SealedLater = "segments are sealed later";
    public const string NeverFlushed = "appends are not flushed, segments are sealed later";
    public const string Retained = "the oldest segments are removed";

    /// <summary>Whether acknowledged appends survive a power loss.</summary>
    private bool IsDurable => _options.FlushMode == FlushMode.Always;

    /// <summary>Runs the script as far as the disk allows.</summary>
    public static async Task<ScriptedRun> RunAsync(SimulatedDisk disk, bool goOn = false, string flavor = Sealed)
    {
        var run = new ScriptedRun(flavor);
        for (var session = 0; session < 2; session++)
        {
            try
            {
                await using var log = DiskLog.Open(new SimulatedStorage(disk), run._options);
                await run.SessionAsync(disk, log, session, goOn);
            }
            catch (Exception exception) when (exception is IOException or LogException)
            {
                break;
            }
        }

        return run;
    }

    public static DiskLog Open(SimulatedDisk disk) => DiskLog.Open(new SimulatedStorage(disk), SmallSegments);

    public static async Task TryRecoverAsync(SimulatedDisk disk)
    {
        try
        {
            await using var log = Open(disk);
            await log.AppendBatchAsync(AfterCrash);
        }
        catch (Exception exception) when (exception is IOException or LogException)
        {
            // Power was lost. The next opening shows the result.
        }
    }

    /// <summary>Checks that the log opens, holds what it must, accepts an append, and still has that append when it is reopened.</summary>
    /// <param name="disk">The disk after the crash.</param>
    /// <param name="context">What happened, for failure messages.</param>
    /// <param name="wasKilled">
    /// Whether only the process was lost, and not power. In that case, nothing that was acknowledged may be lost.
    /// </param>
    public async Task RecoverAsync(SimulatedDisk disk, string context, bool wasKilled = false)
    {
        DiskLog log;
        try
        {
            log = Open(disk);
        }
        catch (LogException exception)
        {
            Assert.Fail($"{context}\nthe log does not open: {exception.Message}");
            return;
        }

        ulong offset;
        await using (log)
        {
            await CheckAsync(log, context, isComplete: IsDurable || wasKilled);
            offset = await log.AppendBatchAsync(AfterCrash);
        }

        await using var reopened = Open(disk);
        Assert.Equal("after the crash", (await reopened.ReadBatchAsync(offset))[0].ToString());
    }

    /// <summary>Checks that the log holds at least what was acknowledged and seen, and at most what was submitted.</summary>
    private async Task CheckAsync(DiskLog log, string context, bool isComplete)
    {
        var range = await log.GetRangeAsync();
        Assert.True(
            !isComplete || range.NextOffset >= _seenNextOffset, $"{context}\na reader saw {_seenNextOffset} records, {range} are left");
        Assert.True(
            range.StartOffset >= _truncatedTo && range.StartOffset <= Math.Max(_truncatedTo, Math.Max(_askedTruncation, RetentionBound())),
            $"{context}\ntruncated to {_truncatedTo} (asked for: {_askedTruncation}), but the log holds {range}");
        for (var offset = range.StartOffset; offset < range.NextOffset;)
        {
            var batch = await log.ReadBatchAsync(offset);
            var isWhole = _submitted.Any(submitted => submitted.Encoded.Span.SequenceEqual(batch.Encoded.Span));
            Assert.True(isWhole || offset == range.StartOffset, $"{context}\nat {offset} there is no batch that was submitted: {batch}");
            var isLater = !isComplete && batch.Encoded.Span.SequenceEqual(AfterCrash.Encoded.Span); // in place of a lost batch
            if (!isLater && _acknowledged.TryGetValue(offset, out var expected))
                Assert.True(
                    expected.Encoded.Span.SequenceEqual(batch.Encoded.Span),
                    $"{context}\nat {offset} there is another batch than was acknowledged");
            offset += (ulong)batch.Count;
        }

        foreach (var (offset, batch) in _acknowledged.Where(append => append.Key >= range.StartOffset))
            Assert.True(
                !isComplete || offset + (ulong)batch.Count <= range.NextOffset,
                $"{context}\nthe batch acknowledged at {offset} is gone: {range}");
    }

    /// <summary>The highest start offset that retention may reach. It keeps at least its limit minus two segments.</summary>
    private ulong RetentionBound()
    {
        var spared = _options.RetentionLimitBytes - (2 * SegmentLimitBytes);
        if (spared is null)
            return 0;
        foreach (var (offset, batch) in _acknowledged.OrderByDescending(append => append.Key))
        {
            if ((spared -= batch.SizeBytes) < 0)
                return offset;
        }

        return 0;
    }

    private async Task SessionAsync(SimulatedDisk disk, DiskLog log, int session, bool goOn)
    {
        for (var i = 0; i < 3; i++)
            await AppendAsync(log, $"{session} alone {i}", 100 + i, goOn);

        // Appends that arrive during the flush of the first one form the next group.
        var group = new List<Task>();
        disk.DuringNextFlush = () =>
            group.AddRange(Enumerable.Range(1, 4).Select(i => AppendAsync(log, $"{session} group {i}", 300 * i, goOn)));
        await AppendAsync(log, $"{session} group 0", 0, goOn);
        await Task.WhenAll(group);

        for (var i = 0; i < 4; i++)
            await AppendAsync(log, $"{session} large {i}", 30_000, goOn); // two of them fill a segment
        while (session == 1 && _background.TryDequeue(out var work))
            work();
        if (_options.RetentionLimitBytes is null)
            await TruncateAsync(log, (session * 20) + 15, goOn);
        for (var i = 0; i < 2; i++)
            await AppendAsync(log, $"{session} after {i}", 5_000, goOn);
    }

    private async Task AppendAsync(DiskLog log, string text, int size, bool goOn)
    {
        var batch = RecordBatch.OfText(text, new string('x', size));
        lock (_submitted)
            _submitted.Add(batch);
        try
        {
            var offset = await log.AppendBatchAsync(batch);
            var range = await log.GetRangeAsync();
            lock (_submitted)
            {
                _acknowledged.Add(offset, batch);
                _seenNextOffset = Math.Max(_seenNextOffset, range.NextOffset);
            }
        }
        catch (LogException) when (goOn)
        {
            // The append was refused or has an unknown outcome. The run continues, as a server does.
        }
    }

    private async Task TruncateAsync(DiskLog log, int offset, bool goOn)
    {
        _askedTruncation = Math.Max(_askedTruncation, (ulong)offset);
        try
        {
            await log.TruncateBeforeAsync((ulong)offset);
            _truncatedTo = (ulong)offset;
        }
        catch (LogException) when (goOn)
        {
            // The truncation failed. The run continues.
        }
    }
}
