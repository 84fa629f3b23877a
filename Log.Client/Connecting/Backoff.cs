namespace LogKit.Client.Connecting;

/// <summary>
/// How long to wait before the next attempt on a server that is away: twice as long each time, within bounds, less up to half by
/// chance, so that clients which lost one server together do not come back together.
/// </summary>
internal sealed class Backoff
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private TimeSpan _next = Shortest;

    /// <summary>The server is there: the next failure is a first one again.</summary>
    public void Reset() => _next = Shortest;

    public Task DelayAsync(CancellationToken cancellationToken)
    {
        var delay = _next * (0.5 + (Random.Shared.NextDouble() / 2));
        _next = _next * 2 < Longest ? _next * 2 : Longest;
        return Task.Delay(delay, cancellationToken);
    }
}
