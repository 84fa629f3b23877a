using System.Buffers.Binary;
using System.Security.Cryptography;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Format;

/// <summary>
/// The first 4 KiB of a segment file: in one sector what is written once, the identity and the origin; in another the
/// <see cref="Seal"/>, so that writing it tears neither. See FORMAT.md.
/// </summary>
/// <param name="BaseOffset">The offset of the first record.</param>
/// <param name="Salt">Starts the checksums of all that follows, so that no other segment's bytes fit.</param>
/// <param name="Origin">How it came to be, where that is known: the first version of this library did not write it down.</param>
internal readonly record struct SegmentHeader(ulong BaseOffset, uint Salt, SegmentOrigin? Origin = null)
{
    /// <summary>Where the frames begin.</summary>
    public const int SizeBytes = 4096;

    public const uint Version = 1;

    /// <summary>Where the seal stands: in a sector of its own.</summary>
    public const int SealPosition = 512;

    private const int IdentityBytes = 32;

    private static ReadOnlySpan<byte> Magic => "LogKit.S"u8;

    /// <summary>The header of a segment that is about to be made.</summary>
    public static SegmentHeader New(ulong baseOffset, SegmentOrigin origin) =>
        new(baseOffset, BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint))), origin);

    /// <summary>Writes identity and origin into the beginning of a buffer of zeros.</summary>
    public void Write(Span<byte> buffer)
    {
        Magic.CopyTo(buffer);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[12..], Salt);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer[16..], BaseOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[28..], Crc32C.Append(0, buffer[..28]));
        Origin?.Write(buffer.Slice(IdentityBytes, SegmentOrigin.SizeBytes), Salt);
    }

    /// <summary>Reads the head of a segment's file; null where it is sound, and otherwise what is wrong with it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="baseOffset">What its name says.</param>
    /// <param name="bytes">Takes the whole header as it stands in the file.</param>
    /// <param name="header">What it says.</param>
    /// <param name="seal">Its seal; null where there is none, or a damaged one.</param>
    public static FormatProblem? Read(IStorageFile file, ulong baseOffset, Span<byte> bytes, out SegmentHeader header, out Seal? seal)
    {
        header = default;
        seal = null;
        bytes = bytes[..SizeBytes];
        var length = file.Read(bytes, 0);
        if (length < SizeBytes)
            return new FormatProblem("the file ends inside its header", length);
        if (!bytes[..8].SequenceEqual(Magic))
            return new FormatProblem("the header does not begin with the magic of a segment");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]) != Crc32C.Append(0, bytes[..28]))
            return new FormatProblem("the header's checksum does not match");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) is var version && version != Version)
            return FormatProblem.ForeignVersion(version, Version);

        var salt = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        var origin = SegmentOrigin.TryRead(bytes.Slice(IdentityBytes, SegmentOrigin.SizeBytes), salt);
        header = new SegmentHeader(BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]), salt, origin);
        seal = Seal.TryRead(bytes[SealPosition..], salt);
        return header.BaseOffset == baseOffset
            ? null
            : new FormatProblem(FormattableString.Invariant($"its header says that it begins at offset {header.BaseOffset}"));
    }
}

/// <summary>How a segment came to be.</summary>
/// <param name="CreatedMs">When, in milliseconds since 1970 in UTC: no record of the segments before is younger.</param>
/// <param name="IsAfterUnflushed">
/// Whether something of the segments before was not flushed then, as without <see cref="FlushMode.Always"/>. Where it is false, all
/// that was before is proved to have been flushed.
/// </param>
internal readonly record struct SegmentOrigin(long CreatedMs, bool IsAfterUnflushed)
{
    public const int SizeBytes = 16;

    /// <summary>Writes the origin. Its checksum begins with the segment's salt.</summary>
    public void Write(Span<byte> buffer, uint salt)
    {
        BinaryPrimitives.WriteInt64LittleEndian(buffer, CreatedMs);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[8..], IsAfterUnflushed ? 1u : 0u);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[12..], Crc32C.Append(salt, buffer[..12]));
    }

    /// <summary>Reads an origin; there is none where it was never written, or is damaged.</summary>
    public static SegmentOrigin? TryRead(ReadOnlySpan<byte> buffer, uint salt) =>
        BinaryPrimitives.ReadInt64LittleEndian(buffer) > 0 && BinaryPrimitives.ReadUInt32LittleEndian(buffer[12..]) == Crc32C.Append(salt, buffer[..12])
            ? new SegmentOrigin(BinaryPrimitives.ReadInt64LittleEndian(buffer), (buffer[8] & 1) != 0)
            : null;
}
