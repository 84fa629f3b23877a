using LogKit.Disk;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>
/// A run that does everything that changes files: opening, appends alone and in groups, rolls, truncation, closing, opening again. It
/// remembers what it was told, for comparing with what is there afterwards.
/// </summary>
internal sealed class ScriptedRun
{
    private static readonly DiskLogOptions SmallSegments = new() { SegmentLimitBytes = 64 * 1024, ReserveBytes = 8 * 1024, Background = work => work() };

    private static readonly RecordBatch AfterTheCrash = RecordBatch.OfText("after the crash");

    private readonly List<RecordBatch> _submitted = [AfterTheCrash];
    private readonly Dictionary<ulong, RecordBatch> _acknowledged = [];
    private ulong _seenNextOffset;
    private ulong _truncatedTo;
    private ulong _askedTruncation;

    /// <summary>Runs the script as far as the disk lets it.</summary>
    public static async Task<ScriptedRun> RunAsync(SimulatedDisk disk, bool goOn = false)
    {
        var run = new ScriptedRun();
        for (var session = 0; session < 2; session++)
        {
            try
            {
                await using var log = Open(disk);
                await run.SessionAsync(log, session, goOn);
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
            await log.AppendBatchAsync(AfterTheCrash);
        }
        catch (Exception exception) when (exception is IOException or LogException)
        {
            // The power went: what counts is what the next opening finds.
        }
    }

    /// <summary>The log opens, holds what it must, takes an append, and has that after the next opening too.</summary>
    public async Task RecoverAsync(SimulatedDisk disk, string context)
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
            await CheckAsync(log, context);
            offset = await log.AppendBatchAsync(AfterTheCrash);
        }

        await using var reopened = Open(disk);
        Assert.Equal("after the crash", (await reopened.ReadBatchAsync(offset))[0].ToString());
    }

    /// <summary>What is in the log is what it may be: at least what was acknowledged and seen, at most what was submitted.</summary>
    private async Task CheckAsync(DiskLog log, string context)
    {
        var range = await log.GetRangeAsync();
        Assert.True(range.NextOffset >= _seenNextOffset, $"{context}\na reader saw {_seenNextOffset} records, {range} are left");
        Assert.True(
            range.StartOffset >= _truncatedTo && range.StartOffset <= Math.Max(_truncatedTo, _askedTruncation),
            $"{context}\ntruncated to {_truncatedTo} (asked for: {_askedTruncation}), but the log holds {range}");
        var submitted = _submitted.Select(batch => Convert.ToHexString(batch.Encoded.Span)).ToHashSet();
        for (var offset = range.StartOffset; offset < range.NextOffset;)
        {
            var batch = await log.ReadBatchAsync(offset);
            var isWhole = submitted.Contains(Convert.ToHexString(batch.Encoded.Span));
            Assert.True(isWhole || offset == range.StartOffset, $"{context}\nat {offset} there is no batch that was submitted: {batch}");
            if (_acknowledged.TryGetValue(offset, out var expected))
                Assert.True(expected.Encoded.Span.SequenceEqual(batch.Encoded.Span), $"{context}\nat {offset} there is another batch than was acknowledged");
            offset += (ulong)batch.Count;
        }

        foreach (var (offset, batch) in _acknowledged.Where(append => append.Key >= range.StartOffset))
            Assert.True(offset + (ulong)batch.Count <= range.NextOffset, $"{context}\nthe batch acknowledged at {offset} is gone: {range}");
    }

    private async Task SessionAsync(DiskLog log, int session, bool goOn)
    {
        for (var i = 0; i < 3; i++)
            await AppendAsync(log, $"{session} alone {i}", 100 + i, goOn);
        await Task.WhenAll(Enumerable.Range(0, 5).Select(i => AppendAsync(log, $"{session} group {i}", 300 * i, goOn)));
        for (var i = 0; i < 4; i++)
            await AppendAsync(log, $"{session} large {i}", 30_000, goOn); // two of them fill a segment
        await TruncateAsync(log, (session * 20) + 15, goOn);
        for (var i = 0; i < 2; i++)
            await AppendAsync(log, $"{session} after {i}", 5_000, goOn);
    }

    private async Task AppendAsync(DiskLog log, string text, int size, bool goOn)
    {
        var batch = RecordBatch.OfText(text, new string('x', size));
        _submitted.Add(batch);
        try
        {
            _acknowledged.Add(await log.AppendBatchAsync(batch), batch);
            _seenNextOffset = Math.Max(_seenNextOffset, (await log.GetRangeAsync()).NextOffset);
        }
        catch (LogException) when (goOn)
        {
            // Refused or unknown: the run goes on, as a server does.
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
            // As above.
        }
    }
}
