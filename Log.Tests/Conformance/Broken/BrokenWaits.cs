// Logs that are broken in when a wait ends, and how.

namespace LogKit.Tests.Conformance.Broken;

internal sealed class WaitsForTheNextAppendAlways(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        await Inner.WaitForAppendAsync(Math.Max(offset, (await Inner.GetRangeAsync(cancellationToken)).NextOffset), cancellationToken);
}

internal sealed class WakesWithoutData(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (offset > (await Inner.GetRangeAsync(cancellationToken)).NextOffset)
            await Inner.WaitForAppendAsync(offset, cancellationToken);
    }
}

/// <summary>Has waiters of its own, for those that wake them wrongly.</summary>
internal abstract class OwnWaits : LogDecorator
{
    protected OwnWaits(ITruncatableLog inner)
        : base(inner) => Signal = new OffsetSignal(0, this);

    protected OffsetSignal Signal { get; }

    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        if (offset >= range.NextOffset)
            await Signal.WaitAsync(offset, cancellationToken);
    }

    public override async ValueTask DisposeAsync()
    {
        await Inner.DisposeAsync();
        Signal.Dispose();
    }
}

internal sealed class WakesBeforeItIsVisible(ITruncatableLog inner) : OwnWaits(inner)
{
    private readonly Pause _pause = new();

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        Signal.Advance(await NextAsync() + (ulong)batch.Count);
        if (Signal.PendingCount == 0)
            await _pause.UntilCallAsync();
        return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
    }

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.ReadBatchAsync(offset, cancellationToken);
        }
        finally
        {
            _pause.Call();
        }
    }
}

internal sealed class ChecksThenRegistersTheWait(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Pause _pause = new();

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        _pause.Call();
        return offset;
    }

    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        if (offset < (await Inner.GetRangeAsync(cancellationToken)).NextOffset)
            return;
        await _pause.UntilCallAsync();
        await Inner.WaitForAppendAsync(Math.Max(offset, await NextAsync()), cancellationToken);
    }
}

internal sealed class WakesOneWaiter(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly SemaphoreSlim _wakes = new(0);

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        _wakes.Release();
        return offset;
    }

    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        await Inner.WaitForAppendAsync(offset, cancellationToken);
        await _wakes.WaitAsync(cancellationToken);
    }
}

internal sealed class WakesEverybody(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        await Inner.WaitForAppendAsync(Math.Min(offset, (await Inner.GetRangeAsync(cancellationToken)).NextOffset), cancellationToken);
}

/// <summary>With second clients of the sound log, whose appends it does not see.</summary>
internal sealed class WakesItsOwnClientOnly(ITruncatableLog inner) : OwnWaits(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        Signal.Advance(offset + (ulong)batch.Count);
        return offset;
    }
}

internal sealed class CancelsAllWaitsAtOnce(ITruncatableLog inner) : LogDecorator(inner)
{
    private CancellationTokenSource _all = new();

    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var all = _all;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, all.Token);
        try
        {
            await Inner.WaitForAppendAsync(offset, either.Token);
        }
        catch (OperationCanceledException)
        {
            Interlocked.CompareExchange(ref _all, new CancellationTokenSource(), all);
            await all.CancelAsync();
            throw new OperationCanceledException(cancellationToken);
        }
    }
}

internal sealed class KeepsTheTokensOfCanceledWaits(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly List<CancellationToken> _tokens = [];

    public override ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        lock (_tokens)
            _tokens.Add(cancellationToken);
        return Inner.WaitForAppendAsync(offset, cancellationToken);
    }
}

internal sealed class EndsFarWaitsEarly(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        await Inner.WaitForAppendAsync(Math.Min(offset, (await Inner.GetRangeAsync(cancellationToken)).NextOffset + 5), cancellationToken);
}

internal sealed class StrandsWaitsAtDisposal(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            await Inner.WaitForAppendAsync(offset, cancellationToken);
        }
        catch (ObjectDisposedException) when (offset >= 1)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }
}
