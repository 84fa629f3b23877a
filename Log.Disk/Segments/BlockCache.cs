namespace LogKit.Disk.Segments;

/// <summary>
/// The blocks that were read last: what makes reading on, and many readers at one place, cheap. Lock-free: a race costs at most a
/// block that is read twice.
/// </summary>
internal sealed class BlockCache
{
    private const int BlockCount = 16;

    private readonly ReadBlock?[] _blocks = new ReadBlock?[BlockCount];
    private uint _next;

    /// <summary>Reads the records from an offset to the end of their batch.</summary>
    /// <exception cref="RecordCorruptException">They are damaged.</exception>
    public RecordBatch Read(Segment segment, ulong offset)
    {
        var isReadOn = false;
        foreach (ref var slot in _blocks.AsSpan())
        {
            var cached = Volatile.Read(ref slot);
            if (cached is null)
                continue;
            if (cached.Contains(offset))
                return cached.Read(offset);
            isReadOn |= cached.EndOffset == offset;
        }

        var block = ReadBlock.Load(segment, offset, isReadOn ? ReadBlock.ReadAheadBytes : ReadBlock.FirstReadBytes);
        Volatile.Write(ref _blocks[Interlocked.Increment(ref _next) % BlockCount], block);
        return block.Read(offset);
    }
}
