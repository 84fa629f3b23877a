namespace LogKit.Disk.Segments;

/// <summary>
/// The most recently read blocks. They make sequential reads cheap, and many readers at one place. Lock-free: a race costs at most reading
/// a block twice.
/// </summary>
internal sealed class BlockCache
{
    private const int BlockCount = 16;

    private readonly ReadBlock?[] _blocks = new ReadBlock?[BlockCount]; // Volatile per slot: any reader replaces any slot
    private ReadBlock? _last; // Volatile; the block that was used last, by whichever reader
    private uint _next; // Interlocked: the slot that is replaced next

    /// <summary>Gets a block that contains an offset.</summary>
    /// <exception cref="RecordCorruptException">The record at the offset is damaged.</exception>
    public ReadBlock BlockOf(LogView view, ulong offset)
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
