namespace LogKit.Client.Producing;

/// <summary>Who else appends to the log, and so what a producer can find out after its connection is lost.</summary>
public enum ProducerMode
{
    /// <summary>
    /// Others append too. What was sent and not answered when the connection is lost stays unknown, and is never repeated:
    /// each record is stored at most once.
    /// </summary>
    Shared,

    /// <summary>
    /// Nobody else appends while this producer lives. After a lost connection it reads back what is stored and sends only the rest:
    /// each record is stored exactly once. Another writer is noticed, and ends the producer.
    /// </summary>
    Exclusive,
}

/// <summary>How a <see cref="BatchingProducer"/> sends. All limits must be positive.</summary>
public sealed record BatchingProducerOptions
{
    /// <summary>Whether others append too; <see cref="ProducerMode.Shared"/> by default.</summary>
    public ProducerMode Mode { get; init; }

    /// <summary>
    /// The most bytes of a batch's encoding, 1 MiB by default. Keep it within the server's limit: a batch is refused as a whole.
    /// </summary>
    public int BatchLimitBytes { get; init; } = 1024 * 1024;

    /// <summary>The most bytes of records accepted and not acknowledged yet, 32 MiB by default; a single record may exceed it.</summary>
    public long QueuedLimitBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>
    /// The most batches sent ahead of their answers, 4 by default: more fill a long way better, fewer make larger batches.
    /// </summary>
    public int InFlightLimit { get; init; } = 4;

    /// <summary>
    /// How long a record may take from the call to its acknowledgement: 2 minutes by default, as Kafka's <c>delivery.timeout.ms</c>. After
    /// it, a record that is not sent fails with <see cref="LogUnavailableException"/> and is never sent; one that is sent fails with
    /// <see cref="AppendOutcomeUnknownException"/>. At most 24 days.
    /// </summary>
    public TimeSpan DeliveryLimit { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long disposing waits for a server that is away to take what is left, 30 s by default; the rest then fails.</summary>
    public TimeSpan DrainLimit { get; init; } = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan MaxDelivery = TimeSpan.FromDays(24);

    internal void Validate()
    {
        if (!Enum.IsDefined(Mode))
            throw new ArgumentException($"the mode {Mode} is wrong: it must be Shared or Exclusive");
        Require(BatchLimitBytes, nameof(BatchLimitBytes));
        Require(QueuedLimitBytes, nameof(QueuedLimitBytes));
        Require(InFlightLimit, nameof(InFlightLimit));
        Require(DrainLimit.Ticks, nameof(DrainLimit));
        Require(DeliveryLimit.Ticks, nameof(DeliveryLimit));
        if (DeliveryLimit > MaxDelivery)
            throw new ArgumentException($"{nameof(DeliveryLimit)} is wrong: it must be at most {MaxDelivery.TotalDays} days");
    }

    private static void Require(long value, string name)
    {
        if (value <= 0)
            throw new ArgumentException($"{name} is wrong: it must be positive");
    }
}
