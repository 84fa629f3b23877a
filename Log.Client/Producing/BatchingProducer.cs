namespace LogKit.Client.Producing;

/// <summary>
/// Appends single records of many callers in batches, over one call to the server, in the order of the calls. Nothing is delayed to
/// fill a batch: records queue while earlier batches are in flight, and what is queued becomes the next one.
/// </summary>
/// <remarks>
/// While the server is away, the producer tries again, at intervals from 50 ms to 2 s, until a record's
/// <see cref="BatchingProducerOptions.DeliveryLimit"/>; <see cref="ProducerMode"/> says what becomes of the records that were sent and not
/// answered. All members may be used by many tasks at once. The log stays the caller's.
/// </remarks>
public sealed class BatchingProducer : IAsyncDisposable
{
    private readonly BatchingProducerOptions _options;
    private readonly RecordQueue _queue;
    private readonly CancellationTokenSource _givingUp = new();
    private readonly Task _running;
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _expiring;

    /// <summary>A producer on a log. Connects at once, and waits for a server that is not there yet.</summary>
    /// <param name="log">Must stay open for as long as the producer does.</param>
    /// <param name="options">How to send; the defaults if null.</param>
    /// <exception cref="ArgumentException">An option is wrong; the message says which and how.</exception>
    public BatchingProducer(GrpcLog log, BatchingProducerOptions? options = null)
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

    /// <summary>Appends a record: waits for room and then for the server.</summary>
    /// <param name="value">Must not change until this completes.</param>
    /// <param name="cancellationToken">
    /// Takes the record back for as long as it is not sent; a record that is sent has its outcome awaited.
    /// </param>
    /// <returns>The record's offset.</returns>
    /// <exception cref="BatchTooLargeException">The record alone is larger than a batch may be. It fails alone.</exception>
    /// <exception cref="AppendOutcomeUnknownException">The record was sent, and may be stored or not.</exception>
    /// <exception cref="LogUnavailableException">
    /// The record was not sent within <see cref="BatchingProducerOptions.DeliveryLimit"/>.
    /// </exception>
    /// <exception cref="ProducerFencedException">
    /// Another writer appended to the log of an exclusive producer, which is at an end.
    /// </exception>
    /// <exception cref="LogException">The log refused the record; nothing of its batch was stored.</exception>
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
    /// Accepts a record: waits for room only. For one caller that appends many: it awaits this, and so is held back where the
    /// log is slower, and awaits the outcomes later.
    /// </summary>
    /// <param name="value">Must not change until the task that is given back completes.</param>
    /// <param name="cancellationToken">As that of <see cref="AppendAsync"/>.</param>
    /// <returns>A task that gives the record's offset, or fails as <see cref="AppendAsync"/> does.</returns>
    /// <exception cref="BatchTooLargeException">The record alone is larger than a batch may be.</exception>
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

    /// <summary>Completes once all that was appended before has its outcome, of whatever kind: each append tells its own.</summary>
    /// <param name="cancellationToken">Ends this wait, and nothing else.</param>
    public async Task FlushAsync(CancellationToken cancellationToken = default)
    {
        foreach (var outcome in _queue.Unfinished())
        {
            await outcome.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Takes no more records, and completes once all that were taken have their outcome; within the limit on draining.</summary>
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

    /// <summary>Fails records that are not delivered in time, until the producer has ended.</summary>
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
