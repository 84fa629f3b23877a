namespace LogKit.Tests.Conformance.Broken;

/// <summary>The connection between a client and its log, which can be cut.</summary>
internal sealed class Link
{
    private readonly Lock _gate = new();
    private CancellationTokenSource _cut = new();
    private int _cuts;

    /// <summary>Canceled when the link is cut.</summary>
    public CancellationToken IsCut
    {
        get
        {
            lock (_gate)
                return _cut.Token;
        }
    }

    /// <summary>How often the link was cut.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    public void Cut()
    {
        CancellationTokenSource cut;
        lock (_gate)
        {
            cut = _cut;
            Interlocked.Increment(ref _cuts);
        }

        cut.Cancel(); // not under the lock: it runs continuations
    }

    public void Restore()
    {
        lock (_gate)
        {
            if (_cut.IsCancellationRequested)
                _cut = new CancellationTokenSource();
        }
    }
}

/// <summary>A client that reaches its log over a link, and does correctly what a network client must do.</summary>
internal class LinkedLog(ITruncatableLog inner, Link link) : LogDecorator(inner)
{
    protected Link Link => link;

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        var cut = link.IsCut;
        if (cut.IsCancellationRequested)
            return await UnsentAsync(batch).ConfigureAwait(false);
        var append = Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        var offset = await append.ConfigureAwait(false);
        await TravelAsync().ConfigureAwait(false);
        return cut.IsCancellationRequested ? await UnansweredAsync(batch, expectedOffset, cancellationToken).ConfigureAwait(false) : offset;
    }

    public override ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) =>
        AskAsync(() => base.ReadBatchAsync(offset, cancellationToken));

    public override ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default) =>
        AskAsync(() => base.ReadBatchesAsync(offset, limitBytes, cancellationToken));

    public override ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
        AskAsync(() => base.GetRangeAsync(cancellationToken));

    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        var cut = link.IsCut;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, cut);
        try
        {
            await Inner.WaitForAppendAsync(offset, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await InterruptedAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What an append returns that could not be sent.</summary>
    protected virtual Task<ulong> UnsentAsync(RecordBatch batch) => throw new LogUnavailableException();

    /// <summary>What an append returns whose answer was lost.</summary>
    protected virtual Task<ulong> UnansweredAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken) =>
        throw new AppendOutcomeUnknownException();

    /// <summary>What a wait does whose connection was cut.</summary>
    protected virtual Task InterruptedAsync(CancellationToken cancellationToken) => throw new LogUnavailableException();

    /// <summary>What a read throws whose connection is cut.</summary>
    protected virtual Exception Unreachable() => new LogUnavailableException();

    protected virtual async ValueTask<T> AskAsync<T>(Func<ValueTask<T>> ask)
    {
        var cut = link.IsCut;
        if (cut.IsCancellationRequested)
            throw Unreachable();
        var answer = await ask().ConfigureAwait(false);
        return cut.IsCancellationRequested ? throw Unreachable() : answer;
    }

    /// <summary>Takes the time in which an answer can be lost.</summary>
    private static async ValueTask TravelAsync()
    {
        for (var i = 0; i < 100; i++)
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
    }
}
