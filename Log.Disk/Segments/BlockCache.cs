namespace LogKit.Disk.Segments;

/// <summary>
/// The blocks that were read last: what makes reading on, and many readers at one place, cheap. Lock-free: a race costs at most a
/// block that is read twice.
/// </summary>
internal sealed class BlockCache
{
    private const int BlockCount = 16;

    private readonly ReadBlock?[] _blocks = new ReadBlock?[BlockCount];
    private ReadBlock? _last;
    private uint _next;

    /// <summary>A block that holds an offset.</summary>
    /// <exception cref="RecordCorruptException">There is none: what should be there is damaged.</exception>
    public ReadBlock BlockOf(View view, ulong offset)
    {
        if (Volatile.Read(ref _last) is { } last && last.Contains(offset))
            return last;

        var segment = view.SegmentOf(offset);
        ReadBlock? previous = null;
        foreach (ref var slot in _blocks.AsSpan())
        {
            var cached = Volatile.Read(ref slot);
            if (cached is null)
                continue;
            if (cached.Contains(offset))
            {
                Volatile.Write(ref _last, cached);
                return cached;
            }

            if (cached.EndOffset == offset && cached.Segment == segment)
                previous = cached;
        }

        var block = (previous is null ? null : ReadBlock.LoadAfter(previous)) ?? ReadBlock.LoadFrame(segment, offset);
        Volatile.Write(ref _blocks[Interlocked.Increment(ref _next) % BlockCount], block);
        Volatile.Write(ref _last, block);
        return block;
    }
}
