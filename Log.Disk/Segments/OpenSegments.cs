namespace LogKit.Disk.Segments;

/// <summary>
/// The full segments whose file is open and whose index is in memory: a fixed number at most, whatever the size of the log. A segment that
/// was not read recently is evicted to make room (the CLOCK algorithm).
/// </summary>
internal sealed class OpenSegments
{
    private const int Limit = 128;

    private readonly Lock _gate = new();
    private readonly List<Segment> _ring = []; // under _gate
    private int _hand; // under _gate

    /// <summary>Adds a segment that has been opened, and may evict another.</summary>
    public void Add(Segment segment)
    {
        Segment? evicted = null;
        lock (_gate)
        {
            if (_ring.Count < Limit)
            {
                _ring.Add(segment);
            }
            else
            {
                evicted = FindUnused();
                _ring[_hand] = segment;
            }
        }

        evicted?.Release();
    }

    /// <summary>Removes a segment that is closed for good.</summary>
    public void Remove(Segment segment)
    {
        lock (_gate)
            _ring.Remove(segment);
    }

    /// <summary>Advances the hand to a segment that was not used since the hand last passed it.</summary>
    private Segment FindUnused()
    {
        while (true)
        {
            _hand = (_hand + 1) % _ring.Count;
            if (!_ring[_hand].WasUsed)
                return _ring[_hand];
            _ring[_hand].WasUsed = false;
        }
    }
}
