namespace LogKit.Grpc;

/// <summary>Limits that the service sets for its callers. docs/limits.md says what happens when each is exceeded.</summary>
public sealed record LogKitOptions
{
    /// <summary>
    /// The limit on a request, in bytes, both as received and after decompression. It is well above the limit of the built-in logs on
    /// batches, so that a batch that exceeds that limit reaches the log and is refused by it.
    /// </summary>
    public int MessageLimitBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>The limit on open streams (ConsumeStream, ProduceStream) of all callers.</summary>
    public int StreamLimit { get; init; } = 16_384;

    /// <summary>
    /// The limit on open calls other than streams, of all callers. One eighth of them may be calls that have not passed access control.
    /// </summary>
    public int CallLimit { get; init; } = 16_384;

    /// <summary>
    /// The limit on messages in memory, in bytes, of all callers: requests from when their length is known until the log has them,
    /// responses from when they are read until the connection has taken them. When it is reached, requests are read later.
    /// </summary>
    public long QueuedLimitBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>How long a request may take to arrive, in milliseconds, before it is refused.</summary>
    public long RequestLimitMs { get; init; } = 60_000;

    /// <summary>How long a response may wait for its caller to read it, in milliseconds, before the call is reset.</summary>
    public long StallLimitMs { get; init; } = 300_000;
}
