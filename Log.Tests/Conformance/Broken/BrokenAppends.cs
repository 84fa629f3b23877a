// Logs that are broken in what an append returns, stores, or refuses.

namespace LogKit.Tests.Conformance.Broken;

internal sealed class StartsAtOne(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch,
        ulong? expectedOffset = null,
        CancellationToken cancellationToken = default) => await Inner.AppendBatchAsync(batch, expectedOffset - 1, cancellationToken) + 1;

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        offset == 0
            ? throw new OffsetOutOfRangeException(0, await GetRangeAsync(cancellationToken))
            : await Inner.ReadBatchAsync(offset - 1, cancellationToken);

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        return new LogRange(range.StartOffset + 1, range.NextOffset + 1);
    }

    public override ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        Inner.WaitForAppendAsync(Math.Max(offset, 1) - 1, cancellationToken);
}

internal sealed class ReturnsTheLastOffset(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch,
        ulong? expectedOffset = null,
        CancellationToken cancellationToken = default
    ) => await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken) + (ulong)batch.Count - 1;
}

internal sealed class CountsBatchesNotRecords(ITruncatableLog inner) : LogDecorator(inner)
{
    private ulong _batches;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        return _batches++;
    }
}

internal sealed class LeavesGaps(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        if (batch.Count > 1)
            await Inner.AppendBatchAsync(RecordBatch.OfText("gap"), null, CancellationToken.None);
        return offset;
    }
}

/// <summary>The append is there only after another call has passed.</summary>
internal sealed class AcknowledgesBeforeItIsVisible(ITruncatableLog inner) : LogDecorator(inner)
{
    private RecordBatch? _pending;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        await PublishAsync();
        var next = await NextAsync();
        if (batch.Count == 0 || expectedOffset is not null || cancellationToken.CanBeCanceled)
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        _pending = batch;
        return next;
    }

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.ReadBatchAsync(offset, cancellationToken);
        }
        finally
        {
            await PublishAsync();
        }
    }

    private async Task PublishAsync()
    {
        if (Interlocked.Exchange(ref _pending, null) is { } batch)
            await Inner.AppendBatchAsync(batch);
    }
}

/// <summary>For a second client: what was there when it was opened.</summary>
internal sealed class SeesOnlyWhatWasThere(ITruncatableLog inner) : SecondClient(inner)
{
    private LogRange? _range;

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        _range ??= await Inner.GetRangeAsync(cancellationToken);

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var range = await GetRangeAsync(cancellationToken);
        return range.Contains(offset)
            ? await Inner.ReadBatchAsync(offset, cancellationToken)
            : throw new OffsetOutOfRangeException(offset, range);
    }
}

internal sealed class DropsEmptyValues(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
        batch.Any(record => !record.Value.IsEmpty)
            ? Inner.AppendBatchAsync(new RecordBatch([.. batch.Where(record => !record.Value.IsEmpty)]), expectedOffset, cancellationToken)
            : Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
}

internal sealed class TreatsValuesAsText(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
        batch.SizeBytes > 4096
            ? Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken)
            : Inner.AppendBatchAsync(RecordBatch.OfText([.. batch.Select(record => record.ToString())]), expectedOffset, cancellationToken);
}

internal sealed class Deduplicates(ITruncatableLog inner) : LogDecorator(inner)
{
    private (string Encoded, ulong Offset)? _last;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var encoded = Convert.ToHexString(batch.Encoded.Span);
        if (_last is { } last
            && last.Encoded == encoded
            && batch.Count > 0
            && expectedOffset is null
            && !cancellationToken.IsCancellationRequested)
            return last.Offset;
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        _last = (encoded, offset);
        return offset;
    }
}

internal sealed class AcceptsEmptyBatches(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
        batch.Count == 0
            ? (await GetRangeAsync(cancellationToken)).NextOffset
            : await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
}

internal sealed class RefusesEmptyBatchesInItsOwnWords(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch,
        ulong? expectedOffset = null,
        CancellationToken cancellationToken = default
    ) => batch.Count == 0 ? throw new LogException("nothing to append") : Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
}

internal sealed class BurnsOffsetsOnRefusal(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        }
        catch (Exception exception) when (exception is BatchTooLargeException or OffsetMismatchException)
        {
            await Inner.AppendBatchAsync(RecordBatch.OfText("burnt"), null, CancellationToken.None);
            throw;
        }
    }
}

internal sealed class RefusesEveryExpectation(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) =>
        expectedOffset is { } expected
            ? throw new OffsetMismatchException(expected, await NextAsync())
            : await Inner.AppendBatchAsync(batch, null, cancellationToken);
}

internal sealed class IgnoresExpectations(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch,
        ulong? expectedOffset = null,
        CancellationToken cancellationToken = default) => Inner.AppendBatchAsync(batch, null, cancellationToken);
}

internal sealed class AcceptsLowerExpectations(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch,
        ulong? expectedOffset = null,
        CancellationToken cancellationToken = default
    ) => await Inner.AppendBatchAsync(batch, expectedOffset < await NextAsync() ? null : expectedOffset, cancellationToken);
}

internal sealed class AppendsDespiteAMismatch(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        }
        catch (OffsetMismatchException)
        {
            await Inner.AppendBatchAsync(batch, null, CancellationToken.None);
            throw;
        }
    }
}

internal sealed class ChecksTheExpectationThenAppends(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Pause _pause = new();

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (expectedOffset is not { } expected || expected != await NextAsync())
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        _pause.Call();
        await _pause.UntilCallAsync();
        return await Inner.AppendBatchAsync(batch, null, cancellationToken);
    }
}

/// <summary>Lets every second append overtake the one before it.</summary>
internal sealed class ReordersAppendsInFlight(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Pause _pause = new();
    private int _appends;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (Interlocked.Increment(ref _appends) % 2 == 1)
            await _pause.UntilCallAsync();
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        _pause.Call();
        return offset;
    }
}
