namespace LogKit.Client.Producing;

/// <summary>
/// Appends single records of many callers in batches, in the order of the calls; to a <see cref="GrpcLog"/>, over one call to the server.
/// Nothing is delayed to fill a batch: records queue while earlier batches are in flight, and the queued records become the next batch.
/// </summary>
/// <remarks>
/// While the server is unavailable, the producer retries at intervals from 50 ms to 2 s, until the
/// <see cref="BatchingProducerOptions.DeliveryLimit"/> of a record. <see cref="ProducerMode"/> determines what happens to records that were
/// sent but not answered. All members are thread-safe. The producer does not dispose the log.
/// </remarks>
public sealed class BatchingProducer : IAsyncDisposable
{
    private readonly BatchingProducerOptions _options;
    private readonly RecordQueue _queue;
    private readonly CancellationTokenSource _givingUp = new();
    private readonly Task _running;
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _expiring;

    /// <summary>Starts a producer. It connects immediately, and waits for a server that is not available yet.</summary>
    /// <param name="log">The log, which must stay open as long as the producer.</param>
    /// <param name="options">The options; the defaults if null.</param>
    /// <exception cref="ArgumentException">An option is invalid. The message says which and why.</exception>
    public BatchingProducer(ILog log, BatchingProducerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(log);
        _options = options ?? new BatchingProducerOptions();
        _options.Validate();
        _queue = new RecordQueue(_options.QueuedLimitBytes);
        IResendPolicy outcomes = _options.Mode is ProducerMode.Exclusive ? new ExclusiveResendPolicy(log) : new SharedResendPolicy();
        var loop = new ProduceLoop(log, _queue, _options, outcomes);
        _running = Task.Run(() => loop.RunAsync(_givingUp.Token));
        _expiring = Task.Run(() => ExpireAsync(_ended.Token));
    }

    /// <summary>Appends a record. Waits for space in the queue, then for the server.</summary>
    /// <param name="value">The record. It must not change until this completes.</param>
    /// <param name="cancellationToken">
    /// Withdraws the record if it has not been sent. Once it has been sent, its outcome is awaited.
    /// </param>
    /// <returns>The offset of the record.</returns>
    /// <exception cref="BatchTooLargeException">The record alone exceeds the limit on batches. Other records are not affected.</exception>
    /// <exception cref="AppendOutcomeUnknownException">The record was sent and may or may not be stored.</exception>
    /// <exception cref="LogUnavailableException">
    /// The record was not sent within <see cref="BatchingProducerOptions.DeliveryLimit"/>.
    /// </exception>
    /// <exception cref="ProducerFencedException">
    /// Another writer appended to the log of an exclusive producer. The producer has ended.
    /// </exception>
    /// <exception cref="LogException">The log refused the record. Nothing of its batch was stored.</exception>
    /// <exception cref="ObjectDisposedException">The producer or its log was disposed.</exception>
    public ValueTask<ulong> AppendAsync(ReadOnlyMemory<byte> value, CancellationToken cancellationToken = default)
    {
        var accepting = EnqueueAsync(value, cancellationToken);
        return accepting.IsCompletedSuccessfully ? new ValueTask<ulong>(accepting.Result) : AwaitAsync(accepting);

        static async ValueTask<ulong> AwaitAsync(ValueTask<Task<ulong>> accepting)
        {
            var outcome = await accepting.ConfigureAwait(false);
            return await outcome.ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Queues a record. Waits only for space in the queue. For a caller that appends many records: it awaits this, which applies back
    /// pressure, and awaits the outcomes later.
    /// </summary>
    /// <param name="value">The record. It must not change until the returned task completes.</param>
    /// <param name="cancellationToken">As for <see cref="AppendAsync"/>.</param>
    /// <returns>A task that completes with the offset of the record, or fails like <see cref="AppendAsync"/>.</returns>
    /// <exception cref="BatchTooLargeException">The record alone exceeds the limit on batches.</exception>
    public async ValueTask<Task<ulong>> EnqueueAsync(ReadOnlyMemory<byte> value, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var record = new PendingRecord(value, cancellationToken);
        if (record.SizeBytes > _options.BatchLimitBytes)
            throw new BatchTooLargeException(record.SizeBytes, _options.BatchLimitBytes);
        _queue.Add(record);
        var outcome = cancellationToken.CanBeCanceled ? OutcomeAsync(record) : record.Offset.Task;
        await record.Accepted.ConfigureAwait(false);
        return outcome;
    }

    /// <summary>Completes once all earlier appends have completed, successfully or not.</summary>
    /// <param name="cancellationToken">Cancels this wait only.</param>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        foreach (var outcome in _queue.Unfinished())
        {
            await outcome.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>
    /// Stops accepting records, and completes once all accepted records have completed, or the
    /// <see cref="BatchingProducerOptions.DrainLimit"/> expires.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Close(new ObjectDisposedException(GetType().FullName));
        _givingUp.CancelAfter(_options.DrainLimit);
        await _running.ConfigureAwait(false);
        await _ended.CancelAsync().ConfigureAwait(false);
        await _expiring.ConfigureAwait(false);
        _givingUp.Dispose();
        _ended.Dispose();
    }

    /// <summary>Fails records that are not delivered in time, until the producer ends.</summary>
    private async Task ExpireAsync(CancellationToken ended)
    {
        var limit = _options.DeliveryLimit;
        var interval = TimeSpan.FromMilliseconds(Math.Clamp(limit.TotalMilliseconds / 20, 1, 1000));
        while (!ended.IsCancellationRequested)
        {
            await Task.Delay(interval, ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _queue.Expire(
                Environment.TickCount64 - (long)limit.TotalMilliseconds,
                () =>
                    new LogUnavailableException(
                        FormattableString.Invariant($"the record was not sent within {limit.TotalSeconds:0.###} s, and is not stored")),
                () =>
                    new AppendOutcomeUnknownException(
                        FormattableString.Invariant(
                            $"the append's outcome is unknown: the server did not answer within {limit.TotalSeconds:0.###} s")));
        }
    }

    private async Task<ulong> OutcomeAsync(PendingRecord record)
    {
        var withdrawing = record.CancellationToken.UnsafeRegister(_ => _queue.Withdraw(record), state: null);
        await using (withdrawing.ConfigureAwait(false))
            return await record.Offset.Task.ConfigureAwait(false);
    }
}
