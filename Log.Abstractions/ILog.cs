namespace LogKit;

/// <summary>
/// An append-only log of records. Offsets number the records, from 0, without gaps.
/// </summary>
/// <remarks>
/// <para>Every implementation keeps the same promises, which <c>LogKit.Conformance</c> checks:</para>
/// <list type="bullet">
/// <item>A batch is the unit of atomicity: all of it is in the log, in one piece, or none of it is, after a crash too.</item>
/// <item>A completed append is as durable as the log promises; a reader never sees what could still be lost.</item>
/// <item>All operations of all clients have one total order, and that order respects real time (linearizability).</item>
/// <item>Members may be called concurrently. A token that is cancelled before the call has no effect on the log.</item>
/// <item>After disposal every member throws <see cref="ObjectDisposedException"/>, pending waits end with it, and
/// disposing again does nothing.</item>
/// <item>Only <see cref="LogException"/> and its kinds, <see cref="ArgumentException"/> and its kinds,
/// <see cref="OperationCanceledException"/> and <see cref="ObjectDisposedException"/> leave a log.</item>
/// </list>
/// </remarks>
public interface ILog : IAsyncDisposable
{
    /// <summary>
    /// Whether appends that one caller begins one after the other, without awaiting each, get their offsets in the order in which
    /// they were begun. A log that says so lets the service fill its groups from a single stream; any other is given one batch of a
    /// stream at a time.
    /// </summary>
    bool AppendsInCallOrder => false;

    /// <summary>Appends a batch, whole or not at all, and completes once it is as durable as this log makes it.</summary>
    /// <param name="batch">At least one record. Its bytes may be reused once the returned task has completed.</param>
    /// <param name="expectedOffset">
    /// When given, the append succeeds only if the batch gets exactly this offset. It makes a retry after a lost answer safe.
    /// </param>
    /// <param name="cancellationToken">A cancelled append either happened whole or not at all.</param>
    /// <returns>The offset of the first record; record <c>i</c> of the batch is at that offset plus <c>i</c>.</returns>
    /// <exception cref="ArgumentException">The batch is empty. Nothing is stored.</exception>
    /// <exception cref="BatchTooLargeException">The batch is larger than this log's limit. Nothing is stored.</exception>
    /// <exception cref="OffsetMismatchException">The next offset is not <paramref name="expectedOffset"/>. Nothing is stored.</exception>
    /// <exception cref="LogFullException">There is no room. Nothing is stored, and appends resume when there is.</exception>
    /// <exception cref="LogReadOnlyException">An earlier write failed. Nothing is stored.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached. Nothing is stored.</exception>
    /// <exception cref="AppendOutcomeUnknownException">It is open whether the batch is stored; no other failure leaves it so.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<ulong> AppendBatchAsync(RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default);

    /// <summary>Reads the records from an offset to the end of the batch that holds it, never into the next batch.</summary>
    /// <remarks>Reading on means adding <see cref="RecordBatch.Count"/> to the offset. Never waits for an append.</remarks>
    /// <param name="offset">The first record wanted.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <returns>At least one record. Its bytes never change, and stay valid after the log is disposed.</returns>
    /// <exception cref="OffsetOutOfRangeException">The offset is not in the log's range.</exception>
    /// <exception cref="RecordCorruptException">What is stored at the offset is damaged.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default);

    /// <summary>
    /// Reads what <see cref="ReadBatchAsync"/> reads, and with it the batches that follow: for who reads on, and for a log that can
    /// read several at the price of one. A log need not implement it: it then reads one batch at a time.
    /// </summary>
    /// <remarks>
    /// The answer is of one moment, as every answer of a log is. How many batches it has, within the limit, is for the log to say: that
    /// there is no further one does not mean that the log ends there. Reading on means adding the counts of all of them to the offset.
    /// </remarks>
    /// <param name="offset">The first record wanted.</param>
    /// <param name="limitBytes">
    /// What all batches returned may have of <see cref="RecordBatch.SizeBytes"/> together. The first is returned however large it is.
    /// </param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <returns>
    /// At least one batch: first the records from the offset to the end of their batch, then whole batches, each beginning where the one
    /// before it ends. One that is damaged is not among them: reading on from there says so. They never change, and stay valid after
    /// the log is disposed.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">The limit is not positive.</exception>
    /// <exception cref="OffsetOutOfRangeException">The offset is not in the log's range.</exception>
    /// <exception cref="RecordCorruptException">What is stored at the offset is damaged.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    async ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limitBytes);
        return [await ReadBatchAsync(offset, cancellationToken).ConfigureAwait(false)];
    }

    /// <summary>Tells which offsets can be read at this moment.</summary>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default);

    /// <summary>Completes once an offset has been appended and can be read: at once if it already is.</summary>
    /// <remarks>An offset that was truncated away completes at once, too: reading it then says so.</remarks>
    /// <param name="offset">The offset waited for; may lie any distance past the end.</param>
    /// <param name="cancellationToken">Ends the wait, and no other.</param>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default);
}

/// <summary>A log whose oldest records can be given up.</summary>
public interface ITruncatableLog : ILog
{
    /// <summary>Moves the start of the log forward: records before an offset can no longer be read. Never moves the end.</summary>
    /// <param name="offset">The new <see cref="LogRange.StartOffset"/>; at or below the present one, nothing happens.</param>
    /// <param name="cancellationToken">Ends the call; the truncation either happened or it did not.</param>
    /// <exception cref="OffsetOutOfRangeException">The offset lies past <see cref="LogRange.NextOffset"/>.</exception>
    /// <exception cref="LogReadOnlyException">An earlier write failed.</exception>
    /// <exception cref="LogUnavailableException">
    /// The storage cannot be reached, or cannot note the new start; nothing has changed, and trying again may help.
    /// </exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default);
}
