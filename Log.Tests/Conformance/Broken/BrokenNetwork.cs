namespace LogKit.Tests.Conformance.Broken;

/// <summary>Reports an append whose answer was lost as one that was not sent.</summary>
internal sealed class CallsLostAnswersUnavailable(ITruncatableLog inner, Link link) : LinkedLog(inner, link)
{
    protected override Task<ulong> UnansweredAsync(
        RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken) => throw new LogUnavailableException();
}

/// <summary>Means to send later what it cannot send now, and forgets it.</summary>
internal sealed class AcknowledgesWhatItCannotSend(ITruncatableLog inner, Link link) : LinkedLog(inner, link)
{
    protected override async Task<ulong> UnsentAsync(RecordBatch batch) => (await Inner.GetRangeAsync()).NextOffset;
}

/// <summary>Waits for answers that were lost.</summary>
internal sealed class WaitsForLostAnswers(ITruncatableLog inner, Link link) : LinkedLog(inner, link)
{
    protected override async Task<ulong> UnansweredAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        return 0;
    }
}

/// <summary>Takes the end of its connection for the event that it waits for, or waits for that event without a connection.</summary>
internal sealed class MistakesCutsOfItsWaits(ITruncatableLog inner, Link link, bool completes) : LinkedLog(inner, link)
{
    protected override Task InterruptedAsync(CancellationToken cancellationToken) =>
        completes ? Task.CompletedTask : Task.Delay(Timeout.Infinite, cancellationToken);
}

/// <summary>Never connects again.</summary>
internal sealed class NeverReconnects(ITruncatableLog inner, Link link) : LinkedLog(inner, link)
{
    protected override ValueTask<T> AskAsync<T>(Func<ValueTask<T>> ask) =>
        Link.Cuts > 0 ? throw new LogUnavailableException() : base.AskAsync(ask);
}

/// <summary>Lets the exceptions of its transport through.</summary>
internal sealed class ThrowsItsTransportsExceptions(ITruncatableLog inner, Link link) : LinkedLog(inner, link)
{
    protected override Exception Unreachable() => new IOException("connection reset by peer");
}

/// <summary>Tells the last range that it knows while it cannot ask.</summary>
internal sealed class TellsARangeItCannotKnow(ITruncatableLog inner, Link link) : LinkedLog(inner, link)
{
    private LogRange _last;

    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return _last = await base.GetRangeAsync(cancellationToken);
        }
        catch (LogUnavailableException)
        {
            return _last;
        }
    }
}

/// <summary>Repeats an append whose answer was lost by itself, with the condition or without.</summary>
internal sealed class RepeatsAppends(ITruncatableLog inner, Link link, bool keepsCondition) : LinkedLog(inner, link)
{
    protected override async Task<ulong> UnansweredAsync(
        RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken) =>
        await Inner.AppendBatchAsync(batch, keepsCondition ? expectedOffset : null, cancellationToken);
}

/// <summary>Reports that an outcome is unknown, and repeats the append later all the same.</summary>
internal sealed class RepeatsUnknownAppends(ITruncatableLog inner, Link link) : LinkedLog(inner, link)
{
    protected override async Task<ulong> UnansweredAsync(RecordBatch batch, ulong? expectedOffset, CancellationToken cancellationToken)
    {
        await Inner.AppendBatchAsync(batch, null, CancellationToken.None).ConfigureAwait(false);
        throw new AppendOutcomeUnknownException();
    }
}

/// <summary>Begins anew with each connection, and does not ask where the log starts.</summary>
internal sealed class ForgetsItsStartWhenItIsCut(ITruncatableLog inner, Link link) : LinkedLog(inner, link)
{
    public override async ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default)
    {
        var range = await base.GetRangeAsync(cancellationToken);
        return Link.Cuts > 0 ? range with { StartOffset = 0 } : range;
    }
}
