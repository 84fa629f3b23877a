// Logs that are broken in what a read of several batches returns.

namespace LogKit.Tests.Conformance.Broken;

internal sealed class LeavesOutABatchOfSeveral(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        var batches = await Inner.ReadBatchesAsync(offset, limitBytes, cancellationToken);
        return [.. batches.Take(1), .. batches.Skip(2)];
    }
}

internal sealed class TearsTheLastBatchOfSeveral(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        var batches = await Inner.ReadBatchesAsync(offset, limitBytes, cancellationToken);
        return batches.Count > 1 ? [.. batches.SkipLast(1), new RecordBatch(batches[^1][0])] : batches;
    }
}

internal sealed class IgnoresTheLimitOfSeveralBatches(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset,
        int limitBytes,
        CancellationToken cancellationToken = default
    ) => Inner.ReadBatchesAsync(offset, limitBytes > 0 ? int.MaxValue : limitBytes, cancellationToken);
}

internal sealed class ReadsNoBatchThatIsOverTheLimit(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        var batches = await Inner.ReadBatchesAsync(offset, limitBytes, cancellationToken);
        return batches[0].SizeBytes > limitBytes ? [] : batches;
    }
}

internal sealed class TakesAnyLimitOfSeveralBatches(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset,
        int limitBytes,
        CancellationToken cancellationToken = default) => Inner.ReadBatchesAsync(offset, Math.Max(limitBytes, 1), cancellationToken);
}

internal sealed class ReadsNoBatchesAtTheEnd(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default) =>
        offset == (await Inner.GetRangeAsync(cancellationToken)).NextOffset
            ? []
            : await Inner.ReadBatchesAsync(offset, limitBytes, cancellationToken);
}

internal sealed class IgnoresTheTokenOfAReadOfSeveral(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset,
        int limitBytes,
        CancellationToken cancellationToken = default) => Inner.ReadBatchesAsync(offset, limitBytes, CancellationToken.None);
}

internal sealed class ReadsOnFromWhatWasTruncated(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        var start = (await Inner.GetRangeAsync(cancellationToken)).StartOffset;
        return await Inner.ReadBatchesAsync(Math.Max(offset, start), limitBytes, cancellationToken);
    }
}
