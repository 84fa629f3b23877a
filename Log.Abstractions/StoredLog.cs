using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace LogKit;

/// <summary>
/// For implementations of <see cref="ILogStore"/> in one process: a log of a store, and the handles through which callers use it. The log
/// behind it may be opened and closed as the store likes; handles and waits do not notice.
/// </summary>
/// <param name="info">The name, the id, and the settings of the log.</param>
[SuppressMessage("Design", "CA1001", Justification = "A source without a timer holds nothing, and calls may be using its token.")]
public abstract class StoredLog(LogInfo info)
{
    private readonly CancellationTokenSource _deleted = new();
    private volatile LogInfo _info = info;

    /// <summary>The name, the id, and the settings of the log. The name and the id never change.</summary>
    public LogInfo Info
    {
        get => _info;
        set => _info = value;
    }

    /// <summary>Whether <see cref="End"/> has been called.</summary>
    public bool IsDeleted => _deleted.IsCancellationRequested;

    /// <summary>Opens a handle.</summary>
    public ITruncatableLog OpenHandle() => new Handle(this);

    /// <summary>
    /// Ends the log for all its handles: pending waits, and all later calls, fail with <see cref="LogDeletedException"/>. Calls in flight
    /// do so as well if the log behind them is disposed before they end.
    /// </summary>
    public void End() => _deleted.Cancel();

    /// <summary>Whether the log gives offsets in the order of the calls.</summary>
    protected abstract bool AppendsInCallOrder { get; }

    /// <summary>
    /// Begins a call on the log, which is open until <see cref="EndCall"/>. Called on the thread of the caller, and in the order of the
    /// calls.
    /// </summary>
    /// <exception cref="LogException">The log cannot be opened. <see cref="EndCall"/> is then not called.</exception>
    /// <exception cref="ObjectDisposedException">The store is disposed, or the log is deleted.</exception>
    protected abstract ITruncatableLog BeginCall();

    /// <summary>Ends a call on the log.</summary>
    protected abstract void EndCall();

    /// <summary>Waits as <see cref="ILog.WaitForAppendAsync"/> does, without keeping the log open.</summary>
    protected abstract ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken);

    private sealed class Handle(StoredLog log) : ITruncatableLog
    {
        private readonly CancellationTokenSource _disposed = new();

        public bool AppendsInCallOrder => log.AppendsInCallOrder;

        public ValueTask<ulong> AppendBatchAsync(
            RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
        {
            ArgumentNullException.ThrowIfNull(batch);
            return RunAsync(
                static (inner, call) => inner.AppendBatchAsync(call.Batch!, call.Expected, call.Token),
                new Call(Batch: batch, Expected: expectedOffset, Token: cancellationToken));
        }

        public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) => RunAsync(
            static (inner, call) => inner.ReadBatchAsync(call.Offset, call.Token), new Call(offset, Token: cancellationToken));

        public ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
            ulong offset, int limitBytes, CancellationToken cancellationToken = default)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limitBytes);
            return RunAsync(
                static (inner, call) => inner.ReadBatchesAsync(call.Offset, call.LimitBytes, call.Token),
                new Call(offset, limitBytes, Token: cancellationToken));
        }

        public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) =>
            RunAsync(static (inner, call) => inner.GetRangeAsync(call.Token), new Call(Token: cancellationToken));

        public async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) => await RunAsync(
            static async (inner, call) =>
            {
                await inner.TruncateBeforeAsync(call.Offset, call.Token).ConfigureAwait(false);
                return true;
            },
            new Call(offset, Token: cancellationToken)).ConfigureAwait(false);

        public async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
        {
            if (Refuse(cancellationToken) is { } refusal)
                throw refusal;
            using var any = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token, log._deleted.Token);
            try
            {
                await log.WaitForAppendAsync(offset, any.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
            {
                throw Refuse(cancellationToken) ?? exception;
            }
        }

        public ValueTask DisposeAsync()
        {
            _disposed.Cancel(); // and never disposed: calls may be using its token
            return ValueTask.CompletedTask;
        }

        private ValueTask<T> RunAsync<T>(Func<ITruncatableLog, Call, ValueTask<T>> run, in Call call)
        {
            if (Refuse(call.Token) is { } refusal)
                return ValueTask.FromException<T>(refusal);
            ITruncatableLog inner;
            try
            {
                inner = log.BeginCall();
            }
            catch (Exception exception) when (exception is LogException or ObjectDisposedException)
            {
                return ValueTask.FromException<T>(Refuse(call.Token) ?? exception);
            }

            ValueTask<T> running;
            try
            {
                running = run(inner, call);
            }
            catch
            {
                log.EndCall();
                throw;
            }

            if (!running.IsCompletedSuccessfully)
                return FinishAsync(running, call.Token);
            log.EndCall();
            return running;
        }

        [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
        private async ValueTask<T> FinishAsync<T>(ValueTask<T> running, CancellationToken cancellationToken)
        {
            try
            {
                return await running.ConfigureAwait(false);
            }
            catch (ObjectDisposedException exception)
            {
                throw Refuse(cancellationToken) ?? exception;
            }
            finally
            {
                log.EndCall();
            }
        }

        /// <summary>Why a call fails without reaching the log; null if it may.</summary>
        private Exception? Refuse(CancellationToken cancellationToken)
        {
            if (LogCalls.Refuse(this, _disposed.IsCancellationRequested, cancellationToken) is { } refusal)
                return refusal;
            return log.IsDeleted ? new LogDeletedException(log.Info.Name, log.Info.Id) : null;
        }

        private readonly record struct Call(
            ulong Offset = 0, int LimitBytes = 0, RecordBatch? Batch = null, ulong? Expected = null, CancellationToken Token = default);
    }
}
