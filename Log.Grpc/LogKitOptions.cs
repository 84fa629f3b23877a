namespace LogKit.Grpc;

/// <summary>What the service takes of its callers at most. The README's table of limits says what happens past each.</summary>
public sealed record LogKitOptions
{
    /// <summary>
    /// The largest request, in bytes, as it comes and after decompression. Well over what the built-in logs take, so that a batch over a
    /// log's own limit reaches the log, which refuses it with that limit; only what is far over it is refused by the transport.
    /// </summary>
    public int MessageLimitBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>How many streams (ConsumeStream, ProduceStream) may be open, of all callers together.</summary>
    public int StreamLimit { get; init; } = 16_384;

    /// <summary>How many bytes of batches may be waiting for the log, of all callers together; past it, requests are read later.</summary>
    public long QueuedLimitBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>How long a stream may wait for its caller to take a message, in milliseconds; then it is reset.</summary>
    public long StallLimitMs { get; init; } = 300_000;
}
