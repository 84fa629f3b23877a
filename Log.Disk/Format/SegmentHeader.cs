using System.Buffers.Binary;
using System.Security.Cryptography;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Format;

/// <summary>
/// The first 4 KiB of a segment file: in one sector what is written once, the identity, the origin and the lineage; in another the
/// <see cref="Seal"/>, so that writing it tears neither. See FORMAT.md.
/// </summary>
/// <param name="BaseOffset">The offset of the first record.</param>
/// <param name="Salt">Starts the checksums of all that follows, so that no other segment's bytes fit.</param>
/// <param name="Origin">How it came to be, if that is known: the first program to write version 1 did not write it down.</param>
/// <param name="Lineage">Which log it belongs to; null in a segment of version 1.</param>
internal readonly record struct SegmentHeader(ulong BaseOffset, uint Salt, SegmentOrigin? Origin = null, SegmentLineage? Lineage = null)
{
    /// <summary>Where the frames begin.</summary>
    public const int SizeBytes = 4096;

    /// <summary>Where the seal stands: in a sector of its own.</summary>
    public const int SealPosition = 512;

    private const int IdentityBytes = 32;
    private const uint NewestVersion = 2;

    private static ReadOnlySpan<byte> Magic => "LogKit.S"u8;

    /// <summary>The version of the format: 2, unless the segment was made by a program that knew only 1.</summary>
    public uint Version => Lineage is null ? 1 : NewestVersion;

    public FrameSalts Salts => new(Salt, Lineage?.FrameSalt);

    /// <summary>The header of a segment that is about to be made.</summary>
    /// <param name="baseOffset">The offset of its first record.</param>
    /// <param name="origin">How it comes to be.</param>
    /// <param name="logId">The log that it belongs to.</param>
    /// <param name="previous">The segment before it; null if there is none.</param>
    public static SegmentHeader New(ulong baseOffset, SegmentOrigin origin, Guid logId, SegmentHeader? previous = null) =>
        new(baseOffset, NewSalt(), origin, new SegmentLineage(logId, previous?.Salt ?? SegmentLineage.NoSalt, NewSalt()));

    /// <summary>Writes identity, origin and lineage into the beginning of a buffer of zeros.</summary>
    public void Write(Span<byte> buffer)
    {
        Magic.CopyTo(buffer);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[12..], Salt);
        BinaryPrimitives.WriteUInt64LittleEndian(buffer[16..], BaseOffset);
        Checksum.Write(buffer[..IdentityBytes], salt: 0);
        Origin?.Write(buffer.Slice(IdentityBytes, SegmentOrigin.SizeBytes), Salt);
        Lineage?.Write(buffer.Slice(SegmentLineage.Position, SegmentLineage.SizeBytes), Salt);
    }

    /// <summary>Reads the head of a segment's file; null if it is sound, and otherwise what is wrong with it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="baseOffset">What its name says.</param>
    /// <param name="bytes">Takes the whole header as it stands in the file.</param>
    /// <param name="header">What it says, also if only its name is wrong.</param>
    /// <param name="seal">Its seal; null if there is none, or a damaged one.</param>
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
        if (!Checksum.Matches(bytes[..IdentityBytes], salt: 0))
            return new FormatProblem("the header's checksum does not match");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) is var version && version is 0 or > NewestVersion)
            return FormatProblem.ForeignVersion(version, "versions 1 and 2");

        var salt = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        var origin = SegmentOrigin.TryRead(bytes.Slice(IdentityBytes, SegmentOrigin.SizeBytes), salt);
        SegmentLineage? lineage = null;
        if (version == NewestVersion)
        {
            lineage = SegmentLineage.TryRead(bytes.Slice(SegmentLineage.Position, SegmentLineage.SizeBytes), salt);
            if (lineage is null)
                return new FormatProblem("the header's checksum of the log's identity does not match", SegmentLineage.Position);
        }

        header = new SegmentHeader(BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]), salt, origin, lineage);
        seal = Seal.TryRead(bytes[SealPosition..], salt);
        return header.BaseOffset == baseOffset ? null : FormatProblem.WrongName(header.BaseOffset);
    }

    private static uint NewSalt() => (uint)RandomNumberGenerator.GetInt32(1, int.MaxValue) * 2 + (uint)RandomNumberGenerator.GetInt32(2);
}

/// <summary>How a segment came to be.</summary>
/// <param name="CreatedMs">When, in milliseconds since 1970 in UTC: no record of the segments before is younger.</param>
/// <param name="IsAfterUnflushed">
/// Whether something of the segments before was not flushed then, as without <see cref="FlushMode.Always"/>. Where it is false, all
/// that was before is proved to have been flushed.
/// </param>
/// <param name="IsAfterClockChange">
/// Whether the clock was found to have been set before the segment was made: then what the segments before say of their time is not
/// evidence of their age, and they age from this one's.
/// </param>
internal readonly record struct SegmentOrigin(long CreatedMs, bool IsAfterUnflushed, bool IsAfterClockChange = false)
{
    public const int SizeBytes = 16;

    /// <summary>Writes the origin. Its checksum begins with the segment's salt.</summary>
    public void Write(Span<byte> buffer, uint salt)
    {
        BinaryPrimitives.WriteInt64LittleEndian(buffer, Math.Max(1, CreatedMs)); // 0 is how an origin that was never written looks
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[8..], (IsAfterUnflushed ? 1u : 0u) | (IsAfterClockChange ? 2u : 0u));
        Checksum.Write(buffer[..SizeBytes], salt);
    }

    /// <summary>Reads an origin; there is none where it was never written, or is damaged.</summary>
    public static SegmentOrigin? TryRead(ReadOnlySpan<byte> buffer, uint salt) =>
        BinaryPrimitives.ReadInt64LittleEndian(buffer) > 0 && Checksum.Matches(buffer[..SizeBytes], salt)
            ? new SegmentOrigin(BinaryPrimitives.ReadInt64LittleEndian(buffer), (buffer[8] & 1) != 0, (buffer[8] & 2) != 0)
            : null;
}

/// <summary>Which log a segment belongs to, and where in it.</summary>
/// <param name="LogId">The log's identity, which all of its segments carry.</param>
/// <param name="PreviousSalt">
/// The salt of the segment that was before this one when it was made; <see cref="NoSalt"/> if there was none.
/// </param>
/// <param name="FrameSalt">Starts the check of each frame's header: see <see cref="FrameSalts"/>.</param>
internal readonly record struct SegmentLineage(Guid LogId, uint PreviousSalt, uint FrameSalt)
{
    public const int Position = 48;
    public const int SizeBytes = 28;
    public const uint NoSalt = 0;

    /// <summary>Writes the lineage. Its checksum begins with the segment's salt.</summary>
    public void Write(Span<byte> buffer, uint salt)
    {
        LogId.TryWriteBytes(buffer);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[16..], PreviousSalt);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[20..], FrameSalt);
        Checksum.Write(buffer[..SizeBytes], salt);
    }

    /// <summary>Reads a lineage; null if it is damaged.</summary>
    public static SegmentLineage? TryRead(ReadOnlySpan<byte> buffer, uint salt) =>
        Checksum.Matches(buffer[..SizeBytes], salt)
            ? new SegmentLineage(
                new Guid(buffer[..16]),
                BinaryPrimitives.ReadUInt32LittleEndian(buffer[16..]),
                BinaryPrimitives.ReadUInt32LittleEndian(buffer[20..]))
            : null;
}
