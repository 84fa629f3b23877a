namespace LogKit.Grpc;

/// <summary>Limits that the service sets for its callers. docs/limits.md says what happens past each.</summary>
public sealed record LogKitOptions
{
    /// <summary>
    /// The largest request, in bytes, as it comes and after decompression. Well over what the built-in logs take, so that a batch over a
    /// log's own limit reaches the log, which refuses it with that limit; only what is far over it is refused by the transport.
    /// </summary>
    public int MessageLimitBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>How many streams (ConsumeStream, ProduceStream) may be open, of all callers together.</summary>
    public int StreamLimit { get; init; } = 16_384;

    /// <summary>
    /// How many calls that are not streams may be open, of all callers together; an eighth of them may be of callers not let in.
    /// </summary>
    public int CallLimit { get; init; } = 16_384;

    /// <summary>
    /// How many bytes of messages the server may hold, of all callers together: requests from when their length is known until the log
    /// has them, answers from when they are read until the connection has taken them. Past it, requests are read later.
    /// </summary>
    public long QueuedLimitBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>How long a request may take to arrive, in milliseconds; then it is refused.</summary>
    public long RequestLimitMs { get; init; } = 60_000;

    /// <summary>How long an answer may wait for its caller to take it, in milliseconds; then the call is reset.</summary>
    public long StallLimitMs { get; init; } = 300_000;
}
