namespace LogKit.Testing;

/// <summary>
/// A log that delegates to another one and fails as a test tells it to. Without faults, it keeps all promises of <see cref="ILog"/> that
/// the other log keeps, and with the faults of <see cref="Fault"/>, those of a log whose storage or network fails.
/// </summary>
/// <example>
/// An append that is stored, but whose answer is lost, and the retry that must not store it twice:
/// <code>
/// await using var log = new FaultyLog(new InMemoryLog());
/// log.Inject(Fault.OutcomeUnknown(isStored: true), LogOperations.Append);
/// await myProducer.ProduceAsync(log, order);
/// Assert.Equal(1ul, (await log.GetRangeAsync()).NextOffset);
/// </code>
/// </example>
/// <param name="inner">The log, which this object now owns.</param>
public class FaultyLog(ILog inner) : ILog
{
    private readonly Lock _gate = new();
    private volatile IFaultSource[] _faults = []; // replaced under _gate
    private volatile ulong[] _damaged = []; // replaced under _gate

    /// <inheritdoc/>
    public bool AppendsInCallOrder => Inner.AppendsInCallOrder;

    /// <summary>The log without faults, for example to look at what was stored.</summary>
    public ILog Inner { get; } = inner ?? throw new ArgumentNullException(nameof(inner));

    internal volatile bool IsReadOnly;

    /// <summary>Makes calls fail. If several faults are meant for a call, the one that was injected first happens.</summary>
    /// <param name="fault">What happens to the calls.</param>
    /// <param name="operations">The operations that it happens to.</param>
    /// <param name="skip">How many of these calls pass first.</param>
    /// <param name="times">How many calls it happens to; <see cref="int.MaxValue"/> for all.</param>
    /// <param name="when">Which of these calls are meant; null for all. Called one call at a time.</param>
    /// <returns>The fault, to see how often it happened, and to remove it.</returns>
    /// <exception cref="ArgumentException">The fault cannot happen to one of the operations: only an append can be stored.</exception>
    public InjectedFault Inject(
        Fault fault, LogOperations operations, int skip = 0, int times = 1, Func<LogCall, bool>? when = null)
    {
        ArgumentNullException.ThrowIfNull(fault);
        ArgumentOutOfRangeException.ThrowIfNegative(skip);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(times);
        if (operations is LogOperations.None || (operations & ~fault.Operations) is not LogOperations.None)
            throw new ArgumentException($"the fault can happen to {fault.Operations}, not to {operations}", nameof(operations));
        var injected = new InjectedFault(this, fault, operations, skip, times, when);
        Add(injected);
        return injected;
    }

    /// <summary>Makes calls fail at random, from a seed, until the result is disposed.</summary>
    /// <param name="seed">The seed. Print it, so that a failure can be repeated.</param>
    /// <param name="probability">The probability that a call fails, from 0 to 1.</param>
    /// <param name="faults">
    /// The faults. A call that fails gets one of those that can happen to its operation, each with the same probability.
    /// </param>
    public IDisposable InjectRandomly(int seed, double probability, params ReadOnlySpan<Fault> faults)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(probability);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(probability, 1);
        var injected = new RandomFaults(this, new Random(seed), probability, [.. faults]);
        Add(injected);
        return injected;
    }

    /// <summary>
    /// Damages the record at an offset: reads that reach it fail with <see cref="RecordCorruptException"/>, and reads of several batches
    /// stop before it.
    /// </summary>
    /// <param name="offset">The offset of the record.</param>
    public void Damage(ulong offset)
    {
        lock (_gate)
            _damaged = [.. _damaged, offset];
    }

    /// <summary>Ends what <see cref="Fault.ReadOnly"/> began, as reopening a log does.</summary>
    public void Reopen() => IsReadOnly = false;

    /// <inheritdoc/>
    public ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default) => RunAsync(
        new LogCall(LogOperations.Append, expectedOffset, batch),
        () => Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken),
        cancellationToken);

    /// <inheritdoc/>
    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default) => RunAsync(
        new LogCall(LogOperations.Read, offset, Batch: null),
        () => IntactAsync(offset, Inner.ReadBatchAsync(offset, cancellationToken)),
        cancellationToken);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default) => RunAsync(
        new LogCall(LogOperations.Read, offset, Batch: null),
        () => IntactAsync(offset, Inner.ReadBatchesAsync(offset, limitBytes, cancellationToken)),
        cancellationToken);

    /// <inheritdoc/>
    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) => RunAsync(
        new LogCall(LogOperations.Range, Offset: null, Batch: null), () => Inner.GetRangeAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) => await RunAsync(
        new LogCall(LogOperations.Wait, offset, Batch: null),
        () => Untyped(Inner.WaitForAppendAsync(offset, cancellationToken)),
        cancellationToken).ConfigureAwait(false);

    /// <summary>Disposes the log.</summary>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Inner.DisposeAsync().ConfigureAwait(false);
    }

    internal void Remove(IFaultSource source)
    {
        lock (_gate)
            _faults = [.. _faults.Where(other => other != source)];
    }

    private protected ValueTask<T> RunAsync<T>(LogCall call, Func<ValueTask<T>> pass, CancellationToken cancellationToken)
    {
        if (_faults.Length == 0 && !IsReadOnly)
            return pass();
        if (cancellationToken.IsCancellationRequested)
            return pass(); // which refuses the call, as a disposed log does
        if (IsReadOnly && call.Operation is LogOperations.Append or LogOperations.Truncate)
            return ValueTask.FromException<T>(new LogReadOnlyException());
        Fault? fault = null;
        lock (_gate)
        {
            foreach (var source in _faults)
            {
                fault = source.FaultFor(call);
                if (fault is not null)
                    break;
            }
        }

        return fault is null ? pass() : fault.RunAsync(this, pass, cancellationToken);
    }

    private protected static async ValueTask<bool> Untyped(ValueTask task)
    {
        await task.ConfigureAwait(false);
        return true;
    }

    private void Add(IFaultSource source)
    {
        lock (_gate)
            _faults = [.. _faults, source];
    }

    private ValueTask<RecordBatch> IntactAsync(ulong offset, ValueTask<RecordBatch> read)
    {
        return _damaged.Length == 0 ? read : CheckAsync();

        async ValueTask<RecordBatch> CheckAsync()
        {
            var batch = await read.ConfigureAwait(false);
            return IsDamaged(offset, batch) ? throw new RecordCorruptException(offset) : batch;
        }
    }

    private ValueTask<IReadOnlyList<RecordBatch>> IntactAsync(ulong offset, ValueTask<IReadOnlyList<RecordBatch>> read)
    {
        return _damaged.Length == 0 ? read : CheckAsync();

        async ValueTask<IReadOnlyList<RecordBatch>> CheckAsync()
        {
            var (intact, next) = (new List<RecordBatch>(), offset);
            foreach (var batch in await read.ConfigureAwait(false))
            {
                if (IsDamaged(next, batch))
                    return intact.Count > 0 ? intact : throw new RecordCorruptException(offset);
                intact.Add(batch);
                next += (ulong)batch.Count;
            }

            return intact;
        }
    }

    private bool IsDamaged(ulong first, RecordBatch batch) =>
        Array.Exists(_damaged, damaged => first <= damaged && damaged - first < (ulong)batch.Count);

    /// <summary>Faults that calls meet at random: one draw for each call that one of them can happen to.</summary>
    private sealed class RandomFaults(FaultyLog log, Random random, double probability, Fault[] faults) : IFaultSource, IDisposable
    {
        public Fault? FaultFor(LogCall call)
        {
            var possible = Array.FindAll(faults, fault => fault.Operations.HasFlag(call.Operation));
            return possible.Length > 0 && random.NextDouble() < probability ? possible[random.Next(possible.Length)] : null;
        }

        public void Dispose() => log.Remove(this);
    }
}

/// <summary>A <see cref="FaultyLog"/> that can be truncated.</summary>
/// <param name="inner">The log, which this object now owns.</param>
public sealed class FaultyTruncatableLog(ITruncatableLog inner) : FaultyLog(inner), ITruncatableLog
{
    /// <inheritdoc/>
    public async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default) => await RunAsync(
        new LogCall(LogOperations.Truncate, offset, Batch: null),
        () => Untyped(((ITruncatableLog)Inner).TruncateBeforeAsync(offset, cancellationToken)),
        cancellationToken).ConfigureAwait(false);
}
