namespace LogKit.Client.Producing;

/// <summary>Who else appends to the log. Determines what the producer can find out after a lost connection.</summary>
public enum ProducerMode
{
    /// <summary>
    /// Others append, too. The outcome of records that were sent but not answered when the connection was lost stays unknown. They are
    /// never resent, so each record is stored at most once.
    /// </summary>
    Shared,

    /// <summary>
    /// Nobody else appends while this producer exists. After a lost connection, it reads what is stored and resends only the rest, so each
    /// record is stored exactly once. If another writer appends, the producer detects it and ends.
    /// </summary>
    Exclusive,
}

/// <summary>Options for a <see cref="BatchingProducer"/>. All limits must be positive.</summary>
public sealed record BatchingProducerOptions
{
    /// <summary>Whether others append to the log; <see cref="ProducerMode.Shared"/> by default.</summary>
    public ProducerMode Mode { get; init; }

    /// <summary>
    /// The limit on the encoding of a batch, in bytes; 1 MiB by default. Keep it within the server's limit: a batch is refused as a whole.
    /// </summary>
    public int BatchLimitBytes { get; init; } = 1024 * 1024;

    /// <summary>The limit on accepted but unacknowledged records, in bytes; 32 MiB by default. A single record may exceed it.</summary>
    public long QueuedLimitBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>
    /// The limit on unanswered batches; 4 by default. More are better for long round trips; fewer make larger batches.
    /// </summary>
    public int InFlightLimit { get; init; } = 4;

    /// <summary>
    /// The time limit from the call until the record is acknowledged; 2 minutes by default, as for Kafka's <c>delivery.timeout.ms</c>. When
    /// it expires, a record that has not been sent fails with <see cref="LogUnavailableException"/> and is never sent; one that has been
    /// sent fails with <see cref="AppendOutcomeUnknownException"/>. At most 24 days.
    /// </summary>
    public TimeSpan DeliveryLimit { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long disposal waits for an unavailable server; 30 s by default. Remaining records then fail.</summary>
    public TimeSpan DrainLimit { get; init; } = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan MaxDelivery = TimeSpan.FromDays(24);

    internal void Validate()
    {
        if (!Enum.IsDefined(Mode))
            throw new ArgumentException($"invalid mode {Mode}: it must be Shared or Exclusive");
        Require(BatchLimitBytes, nameof(BatchLimitBytes));
        Require(QueuedLimitBytes, nameof(QueuedLimitBytes));
        Require(InFlightLimit, nameof(InFlightLimit));
        Require(DrainLimit.Ticks, nameof(DrainLimit));
        Require(DeliveryLimit.Ticks, nameof(DeliveryLimit));
        if (DeliveryLimit > MaxDelivery)
            throw new ArgumentException($"invalid {nameof(DeliveryLimit)}: it must be at most {MaxDelivery.TotalDays} days");
    }

    private static void Require(long value, string name)
    {
        if (value <= 0)
            throw new ArgumentException($"invalid {name}: it must be positive");
    }
}
