namespace LogKit;

/// <summary>
/// An append-only log of records. Records are numbered by offset, starting at 0, without gaps.
/// </summary>
/// <remarks>
/// <para>Every implementation gives the same guarantees, which <c>LogKit.Conformance</c> checks:</para>
/// <list type="bullet">
/// <item>A batch is atomic: the log contains all of it, contiguously, or none of it, even after a crash.</item>
/// <item>A completed append is as durable as the log promises. A reader never sees a record that could still be lost.</item>
/// <item>Operations are linearizable: those of all clients have one total order, which respects real time.</item>
/// <item>Members may be called concurrently. A call whose token is already canceled has no effect on the log.</item>
/// <item>After disposal, every member throws <see cref="ObjectDisposedException"/>. Pending waits end with it. Disposing again does
/// nothing. Other clients of the same log are not affected.</item>
/// <item>A pending call occupies no thread, and does not need the synchronization context of its caller. Continuations of a call may block:
/// no lock of the log is held while they run.</item>
/// <item>The only exceptions are <see cref="LogException"/>, <see cref="ArgumentException"/>, classes derived from these,
/// <see cref="OperationCanceledException"/>, and <see cref="ObjectDisposedException"/>.</item>
/// </list>
/// </remarks>
public interface ILog : IAsyncDisposable
{
    /// <summary>
    /// Whether appends get their offsets in the order of the calls when one caller makes several without awaiting each. If true, the
    /// service pipelines the batches of a stream; otherwise it appends them one at a time.
    /// </summary>
    bool AppendsInCallOrder => false;

    /// <summary>Appends a batch atomically. Completes once the batch is as durable as this log makes it.</summary>
    /// <param name="batch">At least one record. The caller may reuse its bytes once the returned task has completed.</param>
    /// <param name="expectedOffset">
    /// If set, the append succeeds only if the batch gets exactly this offset. This makes it safe to retry after a lost response.
    /// </param>
    /// <param name="cancellationToken">Cancels the call. A canceled append either took effect as a whole or not at all.</param>
    /// <returns>The offset of the first record; record <c>i</c> of the batch is at that offset plus <c>i</c>.</returns>
    /// <exception cref="ArgumentException">The batch is empty. Nothing is stored.</exception>
    /// <exception cref="BatchTooLargeException">The batch is larger than this log's limit. Nothing is stored.</exception>
    /// <exception cref="OffsetMismatchException">The next offset is not <paramref name="expectedOffset"/>. Nothing is stored.</exception>
    /// <exception cref="LogFullException">There is no space. Nothing is stored. Appends succeed again once there is space.</exception>
    /// <exception cref="LogReadOnlyException">An earlier write failed. Nothing is stored.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached. Nothing is stored.</exception>
    /// <exception cref="AppendOutcomeUnknownException">The batch may or may not be stored. After any other exception it is not.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<ulong> AppendBatchAsync(RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default);

    /// <summary>Reads the records from an offset to the end of the batch that contains it, and none of the next batch.</summary>
    /// <remarks>To continue, add <see cref="RecordBatch.Count"/> to the offset. Never waits for an append.</remarks>
    /// <param name="offset">The offset of the first record to read.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>At least one record. Its bytes never change and stay valid after the log is disposed.</returns>
    /// <exception cref="OffsetOutOfRangeException">The offset is not in the log's range.</exception>
    /// <exception cref="RecordCorruptException">The record stored at the offset is damaged.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default);

    /// <summary>
    /// Reads the records from an offset to the end of their batch, as <see cref="ReadBatchAsync"/> does, and some of the batches that
    /// follow. For sequential readers. The default implementation reads one batch per call; override it if the log can read several at
    /// once.
    /// </summary>
    /// <remarks>
    /// The result reflects the log at one instant. Within the limit, the log decides how many batches to return: fewer than would fit does
    /// not mean that the log ends there. To continue, add the counts of all returned batches to the offset.
    /// </remarks>
    /// <param name="offset">The offset of the first record to read.</param>
    /// <param name="limitBytes">
    /// The limit on the sum of <see cref="RecordBatch.SizeBytes"/> over the returned batches. The first batch is returned whatever its
    /// size.
    /// </param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>
    /// At least one batch: first the records from the offset to the end of their batch, then whole batches, each starting where the
    /// previous one ends. The list stops before a damaged batch; a read at that offset then fails. The batches never change and stay valid
    /// after the log is disposed.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive.</exception>
    /// <exception cref="OffsetOutOfRangeException">The offset is not in the log's range.</exception>
    /// <exception cref="RecordCorruptException">The record stored at the offset is damaged.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    async ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limitBytes);
        return [await ReadBatchAsync(offset, cancellationToken).ConfigureAwait(false)];
    }

    /// <summary>Gets the range of offsets that can be read.</summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default);

    /// <summary>Completes once the record at an offset can be read, which is at once if it has already been appended.</summary>
    /// <remarks>Also completes at once for an offset that has been truncated. Reading it then fails.</remarks>
    /// <param name="offset">The offset to wait for. May be any distance past the end.</param>
    /// <param name="cancellationToken">Cancels this wait and no other.</param>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default);
}

/// <summary>A log whose oldest records can be removed.</summary>
public interface ITruncatableLog : ILog
{
    /// <summary>
    /// Moves the start of the log forward, so that the records before an offset can no longer be read. Never moves the end.
    /// </summary>
    /// <param name="offset">The new <see cref="LogRange.StartOffset"/>. At or below the current one, the call does nothing.</param>
    /// <param name="cancellationToken">Cancels the call. The truncation either took effect or it did not.</param>
    /// <exception cref="OffsetOutOfRangeException">The offset is past <see cref="LogRange.NextOffset"/>.</exception>
    /// <exception cref="LogReadOnlyException">An earlier write failed.</exception>
    /// <exception cref="LogUnavailableException">
    /// The storage cannot be reached, or cannot record the new start. Nothing has changed; a later attempt may succeed.
    /// </exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default);
}
