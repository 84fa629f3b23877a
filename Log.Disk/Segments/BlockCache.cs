namespace LogKit.Disk.Segments;

/// <summary>
/// The most recently read blocks. They make sequential reads cheap, and many readers at one place. Lock-free: a race costs at most reading
/// a block twice.
/// </summary>
/// <param name="blockCount">How many blocks are kept.</param>
internal sealed class BlockCache(int blockCount)
{
    /// <summary>For a log that has the process to itself.</summary>
    public const int ManyBlocks = 16;

    /// <summary>For one of many logs.</summary>
    public const int FewBlocks = 2;

    private readonly ReadBlock?[] _blocks = new ReadBlock?[blockCount]; // Volatile per slot: any reader replaces any slot
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
        Volatile.Write(ref _blocks[Interlocked.Increment(ref _next) % blockCount], block);
        Volatile.Write(ref _last, block);
        return block;
    }
}
