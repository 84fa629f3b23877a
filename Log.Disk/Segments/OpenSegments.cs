namespace LogKit.Disk.Segments;

/// <summary>
/// The full segments that have their file open and their index in memory: so many at most, whatever the size of the log. Room is made
/// at the expense of one that was not read from lately (the "clock" algorithm).
/// </summary>
internal sealed class OpenSegments
{
    private const int Limit = 128;

    private readonly Lock _gate = new();
    private readonly List<Segment> _ring = [];
    private int _hand;

    /// <summary>Takes note of a segment that has been opened.</summary>
    public void Enter(Segment segment)
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

    /// <summary>Takes note of a segment that is closed for good.</summary>
    public void Leave(Segment segment)
    {
        lock (_gate)
            _ring.Remove(segment);
    }

    /// <summary>Moves the hand on to a segment that was not used since the hand was last there.</summary>
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
