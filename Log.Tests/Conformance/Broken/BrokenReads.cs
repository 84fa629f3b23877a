// Logs that are broken in what a read or a range returns.

namespace LogKit.Tests.Conformance.Broken;

/// <summary>Remembers where batches begin, to be wrong in their middle only.</summary>
internal abstract class KnowsFirstOffsets(ITruncatableLog inner) : LogDecorator(inner)
{
    protected HashSet<ulong> Firsts { get; } = [];

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        lock (Firsts)
            Firsts.Add(offset);
        return offset;
    }
}

internal sealed class ReturnsOneRecordOnly(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        new((await Inner.ReadBatchAsync(offset, cancellationToken))[0]);
}

internal sealed class ReturnsTheWholeBatchFromItsMiddle(ITruncatableLog inner) : KnowsFirstOffsets(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        ulong first;
        lock (Firsts)
            first = Firsts.Where(first => first <= offset).DefaultIfEmpty(offset).Max();
        return await Inner.ReadBatchAsync(range.Contains(offset) && range.Contains(first) ? first : offset, cancellationToken);
    }
}

internal sealed class SkipsARecordInTheMiddle(ITruncatableLog inner) : KnowsFirstOffsets(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var batch = await Inner.ReadBatchAsync(offset, cancellationToken);
        bool isFirst;
        lock (Firsts)
            isFirst = Firsts.Contains(offset);
        return isFirst || batch.Count == 1 ? batch : batch.From(1);
    }
}

internal sealed class BleedsIntoTheNextBatch(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var batch = await Inner.ReadBatchAsync(offset, cancellationToken);
        var next = offset + (ulong)batch.Count;
        return next < await NextAsync() ? new RecordBatch([.. batch, .. await Inner.ReadBatchAsync(next, cancellationToken)]) : batch;
    }
}

internal sealed class RecyclesOldBatches(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var batch = await Inner.ReadBatchAsync(offset, cancellationToken);
        return await NextAsync() - offset > 10 ? await Inner.ReadBatchAsync(await NextAsync() - 1, cancellationToken) : batch;
    }
}

internal sealed class ReversesLargeBatches(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var batch = await Inner.ReadBatchAsync(offset, cancellationToken);
        return batch.Count > 16 ? new RecordBatch([.. batch.Reverse()]) : batch;
    }
}

internal sealed class ReadsNothingAtTheEnd(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        offset > 0 && offset == (await Inner.GetRangeAsync(cancellationToken)).NextOffset
            ? new RecordBatch()
            : await Inner.ReadBatchAsync(offset, cancellationToken);
}

internal sealed class BlocksAtTheEnd(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (offset > 0 && offset == (await Inner.GetRangeAsync(cancellationToken)).NextOffset)
            await Inner.WaitForAppendAsync(offset, cancellationToken);
        return await Inner.ReadBatchAsync(offset, cancellationToken);
    }
}

internal sealed class CastsTheOffsetToInt(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Inner.ReadBatchAsync((uint)(int)offset, cancellationToken);
}

internal sealed class OverflowsAtTheLargestOffset(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        var isInside = unchecked(offset + 1) <= range.NextOffset && range.Count > 0 && offset >= range.StartOffset;
        return await Inner.ReadBatchAsync(isInside ? Math.Min(offset, range.NextOffset - 1) : offset, cancellationToken);
    }
}

internal sealed class ReadsNothingOfAnEmptyLog(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        offset == 0 && (await Inner.GetRangeAsync(cancellationToken)).NextOffset == 0
            ? new RecordBatch()
            : await Inner.ReadBatchAsync(offset, cancellationToken);
}

internal sealed class TellsNoRangeInExceptions(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.ReadBatchAsync(offset, cancellationToken);
        }
        catch (OffsetOutOfRangeException)
        {
            throw new OffsetOutOfRangeException(offset, default);
        }
    }
}

internal sealed class TellsAnOldRangeInExceptions(ITruncatableLog inner) : LogDecorator(inner)
{
    private LogRange? _old;

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.ReadBatchAsync(offset, cancellationToken);
        }
        catch (OffsetOutOfRangeException exception)
        {
            _old ??= exception.Range;
            throw new OffsetOutOfRangeException(offset, _old.Value);
        }
    }
}

/// <summary>Counts an append that is in flight.</summary>
internal sealed class TellsARangeToComeInExceptions(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Pause _pause = new();
    private int _inFlight;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _inFlight);
        try
        {
            await _pause.UntilCallAsync();
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.ReadBatchAsync(offset, cancellationToken);
        }
        catch (OffsetOutOfRangeException exception)
        {
            var range = exception.Range with { NextOffset = exception.Range.NextOffset + (ulong)Volatile.Read(ref _inFlight) };
            throw new OffsetOutOfRangeException(offset, range);
        }
    }
}

internal sealed class SaysThatAnEmptyLogHasARecord(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        await Inner.GetRangeAsync(cancellationToken) is { NextOffset: > 0 } range ? range : new LogRange(0, 1);
}

internal sealed class CountsBatchesInTheRange(ITruncatableLog inner) : LogDecorator(inner)
{
    private ulong _missing;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        Interlocked.Add(ref _missing, (ulong)batch.Count - 1);
        return offset;
    }

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        return new LogRange(Math.Min(range.StartOffset, range.NextOffset - _missing), range.NextOffset - _missing);
    }
}

internal sealed class ReadsWhatWasTruncated(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Dictionary<ulong, RecordBatch> _all = [];

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var first = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        lock (_all)
        {
            for (var i = 0; i < batch.Count; i++)
                _all[first + (ulong)i] = RecordBatch.Decode(batch.From(i).Encoded.ToArray());
        }

        return first;
    }

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        lock (_all)
        {
            if (offset < range.StartOffset && _all.TryGetValue(offset, out var batch))
                return batch;
        }

        return await Inner.ReadBatchAsync(offset, cancellationToken);
    }
}

internal sealed class ForgetsTheNextOffsetWhenEmpty(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        await Inner.GetRangeAsync(cancellationToken) is { Count: > 0 } range ? range : default;
}

internal sealed class TruncatesBeyondTheEnd(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) =>
        await Inner.TruncateBeforeAsync(Math.Min(offset, (await Inner.GetRangeAsync(cancellationToken)).NextOffset), cancellationToken);
}

internal sealed class RefusesToTruncateAgain(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        await (
            offset < range.StartOffset
                ? throw new OffsetOutOfRangeException(offset, range)
                : Inner.TruncateBeforeAsync(offset, cancellationToken));
    }
}

internal sealed class ThrowsItsStoragesExceptions(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.ReadBatchAsync(offset, cancellationToken);
        }
        catch (OffsetOutOfRangeException exception)
        {
            throw new KeyNotFoundException("no such key", exception);
        }
    }
}

internal sealed class CountsIn32Bits(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch,
        ulong? expectedOffset = null,
        CancellationToken cancellationToken = default) => (uint)await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
}

internal sealed class ComparesExpectationsWithTheCount(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        if (expectedOffset is { } expected && expected != range.Count)
            throw new OffsetMismatchException(expected, range.NextOffset);
        return await Inner.AppendBatchAsync(batch, null, cancellationToken);
    }
}

internal sealed class RefusesTheLimitItself(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
        batch.SizeBytes == StoredLog.BatchLimitBytes
            ? throw new BatchTooLargeException(batch.SizeBytes, StoredLog.BatchLimitBytes - 1)
            : Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
}
