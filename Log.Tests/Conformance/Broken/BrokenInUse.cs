// Logs that are broken only once they are long, large, under load, or at their end: mistakes of careful teams.

using System.Runtime.CompilerServices;

namespace LogKit.Tests.Conformance.Broken;

internal sealed class CountsRecordsIn16Bits(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (batch is null || batch.Count <= ushort.MaxValue)
            return await Inner.AppendBatchAsync(batch!, expectedOffset, cancellationToken);
        return (ushort)batch.Count == 0
            ? await NextAsync()
            : await Inner.AppendBatchAsync(new RecordBatch([.. batch.Take((ushort)batch.Count)]), expectedOffset, cancellationToken);
    }
}

internal sealed class DamagesBatchesThatFillPages(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var batch = await Inner.ReadBatchAsync(offset, cancellationToken);
        if (batch.SizeBytes % 4096 != 0)
            return batch;
        var value = batch[^1].Value.ToArray();
        value[^1] ^= 0xFF;
        return new RecordBatch([.. batch.SkipLast(1), new Record(value)]);
    }
}

/// <summary>Every 400th append overwrites the batch before it.</summary>
internal sealed class OverwritesABatchOnceIn400(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Dictionary<ulong, RecordBatch> _overwritten = [];
    private (ulong First, RecordBatch Batch)? _last;
    private int _appends;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var first = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        lock (_overwritten)
        {
            if (++_appends % 400 == 0 && _last is { } last)
                _overwritten[last.First] = new RecordBatch([.. Enumerable.Repeat(batch[0], last.Batch.Count)]);
            _last = (first, batch);
        }

        return first;
    }

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var batch = await Inner.ReadBatchAsync(offset, cancellationToken);
        lock (_overwritten)
            return _overwritten.GetValueOrDefault(offset, batch);
    }

    public override async ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limitBytes);
        return [await ReadBatchAsync(offset, cancellationToken)];
    }
}

internal sealed class ReadsTheStartThenTheEnd(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly Pause _pause = new();

    public override ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        _pause.Call();
        return Inner.TruncateBeforeAsync(offset, cancellationToken);
    }

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var start = (await Inner.GetRangeAsync(cancellationToken)).StartOffset;
        await _pause.UntilCallAsync();
        return new LogRange(start, (await Inner.GetRangeAsync(cancellationToken)).NextOffset);
    }
}

internal sealed class TellsAnOldStartNowAndThen(ITruncatableLog inner) : LogDecorator(inner)
{
    private ulong _old;
    private int _calls;

    public override async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        _old = (await Inner.GetRangeAsync(cancellationToken)).StartOffset;
        await Inner.TruncateBeforeAsync(offset, cancellationToken);
    }

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        return Interlocked.Increment(ref _calls) % 3 == 0 ? range with { StartOffset = _old } : range;
    }
}

internal sealed class TellsAStaleRangeOnceIn300(ITruncatableLog inner) : LogDecorator(inner)
{
    private LogRange _last;
    private int _calls;

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var range = await Inner.GetRangeAsync(cancellationToken);
        return Interlocked.Increment(ref _calls) % 300 == 0 ? _last : _last = range;
    }
}

/// <summary>Completes waits, or the cancellation of waits, while it holds the lock that every append takes.</summary>
internal sealed class RunsContinuationsUnderItsLock(ITruncatableLog inner, bool ofCanceledWaits) : LogDecorator(inner)
{
    private readonly Lock _gate = new();
    private readonly List<(ulong Offset, TaskCompletionSource Source)> _waits = [];
    private ulong _next;
    private bool _isDisposed;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        lock (_gate)
            ObjectDisposedException.ThrowIf(_isDisposed, this);
        var first = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        lock (_gate)
        {
            _next = Math.Max(_next, first + (ulong)batch.Count);
            foreach (var (_, source) in _waits.Where(wait => wait.Offset < _next))
                Complete(source, ofCanceledWaits);
            _waits.RemoveAll(wait => wait.Offset < _next);
        }

        return first;
    }

    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var next = await NextAsync();
        var source = new TaskCompletionSource();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (offset < Math.Max(next, _next))
                return;
            _waits.Add((offset, source));
        }

        await using var registration = cancellationToken.Register(() =>
        {
            if (!ofCanceledWaits)
            {
                source.TrySetCanceled(cancellationToken);
                return;
            }

            lock (_gate)
                source.TrySetCanceled(cancellationToken);
        });
        await source.Task;
    }

    public override async ValueTask DisposeAsync()
    {
        await Inner.DisposeAsync();
        List<(ulong Offset, TaskCompletionSource Source)> waits;
        lock (_gate)
        {
            _isDisposed = true;
            waits = [.. _waits];
            _waits.Clear();
        }

        foreach (var (_, source) in waits)
            source.TrySetException(new ObjectDisposedException(GetType().FullName));
    }

    private static void Complete(TaskCompletionSource source, bool isAside)
    {
        if (isAside)
            _ = Task.Run(source.TrySetResult);
        else
            source.TrySetResult();
    }
}

internal sealed class ComesBackToItsCallersContext(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
    }
}

internal sealed class ForgetsWhoseAppendItWas(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var isInFlight = !cancellationToken.IsCancellationRequested;
        if (isInFlight && cancellationToken.CanBeCanceled)
            await Task.WhenAny(Task.Delay(4, cancellationToken));
        if (isInFlight && cancellationToken.IsCancellationRequested)
            throw new OperationCanceledException("canceled");
        return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
    }
}

internal sealed class ChecksTheExpectationInAShortWindow(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        if (expectedOffset is { } expected && await NextAsync() is var next && next != expected && batch.Count > 0)
            throw new OffsetMismatchException(expected, next);
        return await Inner.AppendBatchAsync(batch, null, cancellationToken);
    }
}

/// <summary>Takes an append that expects an old offset for a retry if the same batch is there.</summary>
internal sealed class AnswersForAnIdenticalBatch(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        }
        catch (OffsetMismatchException exception)
        {
            var range = await Inner.GetRangeAsync(CancellationToken.None);
            if (range.Contains(exception.ExpectedOffset)
                && (await Inner.ReadBatchAsync(exception.ExpectedOffset, CancellationToken.None)).Encoded.Span.SequenceEqual(
                    batch.Encoded.Span))
                return exception.ExpectedOffset;
            throw;
        }
    }
}

internal sealed class ComparesAwaitedOffsetsIn32Bits(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (offset < uint.MaxValue * 2ul && (uint)offset < (uint)await NextAsync())
            return;
        await Inner.WaitForAppendAsync(offset, cancellationToken);
    }
}

/// <summary>A second client whose disposal disposes the log.</summary>
internal sealed class EndsTheLog(ITruncatableLog inner) : SecondClient(inner)
{
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Inner.DisposeAsync();
    }
}

/// <summary>Acknowledges what it no longer stores, or says that the log was disposed when the batch is already stored.</summary>
internal sealed class IsWrongAboutItsDisposal(ITruncatableLog inner, bool acknowledges) : LogDecorator(inner)
{
    private readonly Pause _pause = new();
    private volatile bool _isDisposing;
    private ulong _next;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var isInFlight = !_isDisposing;
        try
        {
            if (acknowledges && isInFlight)
                await _pause.UntilCallAsync();
            var first = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
            if (!acknowledges && isInFlight)
                await _pause.UntilCallAsync();
            Volatile.Write(ref _next, first + (ulong)batch.Count);
            return isInFlight && _isDisposing && !acknowledges ? throw new ObjectDisposedException(GetType().FullName) : first;
        }
        catch (ObjectDisposedException) when (isInFlight && acknowledges)
        {
            return Volatile.Read(ref _next);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        _isDisposing = true;
        if (!acknowledges)
            _pause.Call();
        await Inner.DisposeAsync();
        _pause.Call();
    }
}

/// <summary>An append, or a read, that meets a truncation goes wrong.</summary>
internal sealed class GoesWrongBesideATruncation(ITruncatableLog inner, bool reads) : LogDecorator(inner)
{
    private readonly Pause _pause = new();
    private int _truncations;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var before = Volatile.Read(ref _truncations);
        if (reads || batch is null || batch.Count == 0 || expectedOffset is not null || cancellationToken.CanBeCanceled)
            return await Inner.AppendBatchAsync(batch!, expectedOffset, cancellationToken);
        await _pause.UntilCallAsync();
        return Volatile.Read(ref _truncations) != before && batch.SizeBytes < 1000
            ? await NextAsync() // it went into the part that was dropped
            : await Inner.AppendBatchAsync(batch, null, CancellationToken.None);
    }

    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var before = Volatile.Read(ref _truncations);
        if (!reads)
            return await Inner.ReadBatchAsync(offset, cancellationToken);
        await _pause.UntilCallAsync();
        var range = await Inner.GetRangeAsync(cancellationToken);
        return await Inner.ReadBatchAsync(
            Volatile.Read(ref _truncations) != before && range.Count > 0 ? range.StartOffset : offset, cancellationToken);
    }

    public override async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        await Inner.TruncateBeforeAsync(offset, cancellationToken);
        Interlocked.Increment(ref _truncations);
        _pause.Call();
    }
}

internal sealed class WaitsOnAThread(ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        await Task.Factory.StartNew(
            () => Inner.WaitForAppendAsync(offset, cancellationToken).AsTask().GetAwaiter().GetResult(),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default).ConfigureAwait(false);
}

/// <summary>Does not even return a task before there is something to read.</summary>
internal sealed class BlocksTheCallerOfAWait(ITruncatableLog inner) : LogDecorator(inner)
{
    public override ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        Inner.WaitForAppendAsync(offset, cancellationToken).AsTask().GetAwaiter().GetResult();
        return ValueTask.CompletedTask;
    }
}

internal sealed class CopiesItsIndexWithEveryAppend(ITruncatableLog inner) : LogDecorator(inner)
{
    private ulong[] _index = [];

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var first = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken).ConfigureAwait(false);
        _index = [.. _index, first];
        return first;
    }
}

internal sealed class KeepsRefusedBatches(ITruncatableLog inner) : LogDecorator(inner)
{
    private readonly List<RecordBatch> _refused = [];

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        }
        catch (OffsetMismatchException)
        {
            lock (_refused)
                _refused.Add(batch);
            throw;
        }
    }
}

/// <summary>A second client whose waits the log remembers.</summary>
internal sealed class IsRememberedByTheLog(ITruncatableLog inner) : SecondClient(inner)
{
    private static readonly ConditionalWeakTable<ITruncatableLog, List<CancellationToken>> Remembered = [];

    public override ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var tokens = Remembered.GetOrCreateValue(Inner);
        lock (tokens)
            tokens.Add(cancellationToken);
        return base.WaitForAppendAsync(offset, cancellationToken);
    }
}
