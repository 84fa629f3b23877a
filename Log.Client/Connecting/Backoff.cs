namespace LogKit.Client.Connecting;

/// <summary>
/// The delay before the next attempt to reach a server: it doubles each time, within bounds, minus a random part of up to half, so that
/// clients that lost a server together do not reconnect together.
/// </summary>
internal sealed class Backoff
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private TimeSpan _next = Shortest;

    /// <summary>Resets the delay, because the server was reached.</summary>
    public void Reset() => _next = Shortest;

    public Task DelayAsync(CancellationToken cancellationToken)
    {
        var delay = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = _next * 2 < Longest ? _next * 2 : Longest;
        return Task.Delay(delay, cancellationToken);
    }
}
