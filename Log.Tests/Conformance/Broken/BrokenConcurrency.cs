// Logs that are broken for concurrent or canceled calls, after disposal, or with shared buffers.

using System.Runtime.InteropServices;

namespace LogKit.Tests.Conformance.Broken;

internal sealed class PublishesRecordByRecord(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Pause _pause = new();

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (batch.Count <= 1)
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        var first = await Inner.AppendBatchAsync(new RecordBatch(batch[0]), expectedOffset, cancellationToken);
        for (var i = 1; i < batch.Count; i++)
        {
            await _pause.UntilCallAsync();
            await Inner.AppendBatchAsync(new RecordBatch(batch[i]), null, CancellationToken.None);
        }

        return first;
    }

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        _pause.Call();
        return range;
    }
}

/// <summary>Two appends that meet exchange their last records.</summary>
internal sealed class InterleavesBatchesThatMeet(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Lock _gate = new();
    private (RecordBatch Batch, TaskCompletionSource<RecordBatch> Other)? _waiting;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (batch.Count < 2 || expectedOffset is not null || cancellationToken.CanBeCanceled)
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        var mine = new TaskCompletionSource<RecordBatch>(TaskCreationOptions.RunContinuationsAsynchronously);
        var other = batch;
        lock (_gate)
        {
            if (_waiting is { } waiting)
            {
                other = waiting.Batch;
                waiting.Other.SetResult(batch);
                _waiting = null;
                mine.SetResult(other);
            }
            else
            {
                _waiting = (batch, mine);
            }
        }

        await Task.WhenAny(mine.Task, Task.Delay(4, CancellationToken.None));
        lock (_gate)
        {
            if (mine.Task.IsCompletedSuccessfully)
                other = mine.Task.Result;
            else
                _waiting = null;
        }

        return await Inner.AppendBatchAsync(new RecordBatch([.. batch.SkipLast(1), other[^1]]), null, CancellationToken.None);
    }
}

internal sealed class TellsAStaleRangeNowAndThen(ITruncatableLog inner) : LogDecorator(inner)
{
    private LogRange _last;
    private int _calls;

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        if (Interlocked.Increment(ref _calls) % 5 == 0)
            return _last;
        return _last = range;
    }
}

internal sealed class HidesARecordNowAndThen(ITruncatableLog inner) : LogDecorator(inner)
{
    private int _reads;

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var batch = await Inner.ReadBatchAsync(offset, cancellationToken);
        return Interlocked.Increment(ref _reads) % 12 == 0 ? throw new OffsetOutOfRangeException(offset, new LogRange(0, offset)) : batch;
    }
}

/// <summary>Once there are some records, one of two single-record appends is told an offset ahead of the next one's.</summary>
internal sealed class StoresEffectsBeforeCauses(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private RecordBatch? _held;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        await _turn.WaitAsync(CancellationToken.None);
        try
        {
            var next = await NextAsync();
            if (_held is null && next >= 10 && batch.Count == 1 && expectedOffset is null && !cancellationToken.CanBeCanceled)
            {
                _held = batch;
                return next + 1;
            }

            var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
            if (_held is not null)
                await Inner.AppendBatchAsync(_held, null, CancellationToken.None);
            _held = null;
            return offset;
        }
        finally
        {
            _turn.Release();
        }
    }
}

internal sealed class GoesBackNowAndThen(ITruncatableLog inner) : LogDecorator(inner)
{
    private int _calls;

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        return Interlocked.Increment(ref _calls) % 7 == 0 && range.Count > 0 ? range with { NextOffset = range.NextOffset - 1 } : range;
    }
}

/// <summary>Reserves the offset outside the lock: of two appends that meet, one is lost, or both are doubled.</summary>
internal sealed class ReservesOutsideTheLock(ITruncatableLog inner, bool doubles) : LogDecorator(inner)
{
    private readonly Pause _pause = new();

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (expectedOffset is not null
            || cancellationToken.CanBeCanceled
            || batch.Count == 0
            || batch.SizeBytes > StoredLog.BatchLimitBytes)
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        var reserved = await NextAsync();
        _pause.Call();
        await _pause.UntilCallAsync();
        var isMeeting = reserved != await NextAsync();
        if (isMeeting && !doubles)
            return reserved;
        var offset = await Inner.AppendBatchAsync(batch, null, CancellationToken.None);
        if (isMeeting)
            await Inner.AppendBatchAsync(batch, null, CancellationToken.None);
        return offset;
    }
}

internal sealed class IgnoresTheTokenOfAnAppend(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch,
        ulong? expectedOffset = null,
        CancellationToken cancellationToken = default) => Inner.AppendBatchAsync(batch, expectedOffset, CancellationToken.None);
}

internal sealed class IgnoresTheTokenOfARead(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Inner.ReadBatchAsync(offset, CancellationToken.None);
}

internal sealed class IgnoresTheTokenOfAWaitForWhatIsThere(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (offset >= (await Inner.GetRangeAsync(CancellationToken.None)).NextOffset)
            await Inner.WaitForAppendAsync(offset, cancellationToken);
    }
}

internal sealed class TearsCanceledAppends(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (!cancellationToken.CanBeCanceled || cancellationToken.IsCancellationRequested || batch.Count < 2)
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        var first = await Inner.AppendBatchAsync(new RecordBatch(batch[0]), expectedOffset, CancellationToken.None);
        await Task.WhenAny(Task.Delay(50, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        await Inner.AppendBatchAsync(batch.From(1), null, CancellationToken.None);
        return first;
    }
}

internal sealed class ForgetsWhoseTokenItWas(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            await Inner.WaitForAppendAsync(offset, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw new OperationCanceledException("canceled");
        }
    }
}

internal sealed class FailsItsSecondDisposal(ITruncatableLog inner) : LogDecorator(inner)
{
    private bool _isDisposed;

    public override ValueTask DisposeAsync()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _isDisposed = true;
        return Inner.DisposeAsync();
    }
}

internal sealed class TellsItsRangeAfterDisposal(ITruncatableLog inner) : LogDecorator(inner)
{
    private LogRange _last;

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return _last = await Inner.GetRangeAsync(cancellationToken);
        }
        catch (ObjectDisposedException)
        {
            return _last;
        }
    }
}

internal sealed class KeepsTheCallersBuffer(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Dictionary<ulong, RecordBatch> _batches = [];

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        lock (_batches)
            _batches[offset] = batch;
        return offset;
    }

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var stored = await Inner.ReadBatchAsync(offset, cancellationToken);
        lock (_batches)
            return _batches.TryGetValue(offset, out var batch) ? RecordBatch.Decode(batch.Encoded) : stored;
    }
}

internal sealed class ReusesItsReadBuffer(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly byte[] _buffer = new byte[StoredLog.BatchLimitBytes];

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var batch = await Inner.ReadBatchAsync(offset, cancellationToken);
        if (batch.Any(record => record.Value.Length > 12) || batch.SizeBytes > 1000)
            return batch; // keeps what was decoded before decodable
        batch.Encoded.CopyTo(_buffer);
        return RecordBatch.Decode(_buffer.AsMemory(0, batch.SizeBytes));
    }
}

internal sealed class ChangesItsArgument(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        if (MemoryMarshal.TryGetArray(batch.Encoded, out var bytes) && batch[^1].Value.Length > 0)
            bytes.AsSpan()[^1] ^= 0x20;
        return offset;
    }
}
