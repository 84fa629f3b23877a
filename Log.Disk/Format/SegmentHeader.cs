using System.Buffers.Binary;

namespace LogKit.Disk.Format;

/// <summary>
/// The first 4 KiB of a segment file. Two records of 512 bytes' reach, so that neither is torn with the other: the identity,
/// written once, and the seal, which says up to where the segment is known to be flushed. See FORMAT.md.
/// </summary>
internal readonly record struct SegmentHeader(ulong BaseOffset, uint Salt)
{
    /// <summary>Where the frames begin.</summary>
    public const int SizeBytes = 4096;

    public const uint Version = 1;

    /// <summary>Where the seal stands: in a sector of its own.</summary>
    public const int SealPosition = 512;

    private static ReadOnlySpan<byte> Magic => "LogKit.S"u8;

    /// <summary>Writes the identity into the beginning of a buffer of zeros.</summary>
    public void Write(Span<byte> buffer)
    {
        Magic.CopyTo(buffer);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[12..], Salt);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer[16..], BaseOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[28..], Crc32C.Append(0, buffer[..28]));
    }

    /// <summary>Reads the identity; on failure says in words what is wrong with it.</summary>
    public static bool TryRead(ReadOnlySpan<byte> buffer, out SegmentHeader header, out string problem)
    {
        header = default;
        if (!buffer[..8].SequenceEqual(Magic))
            problem = "the header does not begin with the magic of a segment";
        else if (BinaryPrimitives.ReadUInt32LittleEndian(buffer[28..]) != Crc32C.Append(0, buffer[..28]))
            problem = "the header's checksum does not match";
        else if (BinaryPrimitives.ReadUInt32LittleEndian(buffer[8..]) is var version && version != Version)
            problem = FormattableString.Invariant($"the segment has format version {version}: this program reads version {Version}");
        else
        {
            header = new SegmentHeader(
                BinaryPrimitives.ReadUInt64LittleEndian(buffer[16..]), BinaryPrimitives.ReadUInt32LittleEndian(buffer[12..]));
            problem = "";
            return true;
        }

        return false;
    }
}

/// <summary>
/// What is known to be flushed: everything before <see cref="Position"/>, which is all records before <see cref="NextOffset"/>.
/// Also whether another segment follows, which is then missing where this one is the last. It only ever grows, so it need not be taken back before the segment is written to again.
/// </summary>
internal readonly record struct Seal(long Position, ulong NextOffset, bool IsFollowed = false)
{
    public const int SizeBytes = 32;

    private static ReadOnlySpan<byte> Magic => "LogKit.E"u8;

    /// <summary>Writes the seal. The segment's salt goes into its checksum, so that another segment's seal never fits.</summary>
    public void Write(Span<byte> buffer, uint salt)
    {
        buffer[..SizeBytes].Clear();
        Magic.CopyTo(buffer);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[8..], Position);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer[16..], NextOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[24..], IsFollowed ? 1u : 0u);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[28..], Crc32C.Append(salt, buffer[..28]));
    }

    /// <summary>Reads a seal; there is none where it was never written, or is damaged.</summary>
    public static Seal? TryRead(ReadOnlySpan<byte> buffer, uint salt)
    {
        if (buffer.Length < SizeBytes || !buffer[..8].SequenceEqual(Magic)
            || BinaryPrimitives.ReadUInt32LittleEndian(buffer[28..]) != Crc32C.Append(salt, buffer[..28]))
        {
            return null;
        }

        return new Seal(
            BinaryPrimitives.ReadInt64LittleEndian(buffer[8..]), BinaryPrimitives.ReadUInt64LittleEndian(buffer[16..]),
            (BinaryPrimitives.ReadUInt32LittleEndian(buffer[24..]) & 1) != 0);
    }
}
