using System.Buffers.Binary;
using System.Security.Cryptography;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Format;

/// <summary>
/// The first 4 KiB of a segment file. The identity, origin, and lineage are written once. The <see cref="Seal"/> is in a sector of its own,
/// so that writing it cannot tear them. See FORMAT.md.
/// </summary>
/// <param name="BaseOffset">The offset of the first record.</param>
/// <param name="Salt">The initial value of all checksums that follow, so that bytes of another segment never match.</param>
/// <param name="Origin">
/// How the segment was created; null if that is not known, because the first release that wrote version 1 did not record it.
/// </param>
/// <param name="Lineage">The log that the segment belongs to; null in a segment of version 1.</param>
internal readonly record struct SegmentHeader(ulong BaseOffset, uint Salt, SegmentOrigin? Origin = null, SegmentLineage? Lineage = null)
{
    /// <summary>The position of the first frame.</summary>
    public const int SizeBytes = 4096;

    /// <summary>The position of the seal, in a sector of its own.</summary>
    public const int SealPosition = 512;

    private const int IdentityBytes = 32;
    private const uint NewestVersion = 2;

    private static ReadOnlySpan<byte> Magic => "LogKit.S"u8;

    /// <summary>The format version: 1 if the segment was written by a release that knew only version 1; otherwise 2.</summary>
    public uint Version => Lineage is null ? 1 : NewestVersion;

    public FrameSalts Salts => new(Salt, Lineage?.FrameSalt);

    /// <summary>Makes the header of a new segment.</summary>
    /// <param name="baseOffset">The offset of its first record.</param>
    /// <param name="origin">How the segment is created.</param>
    /// <param name="logId">The log that it belongs to.</param>
    /// <param name="previous">The segment before it; null if there is none.</param>
    public static SegmentHeader New(ulong baseOffset, SegmentOrigin origin, Guid logId, SegmentHeader? previous = null) =>
        new(baseOffset, NewSalt(), origin, new SegmentLineage(logId, previous?.Salt ?? SegmentLineage.NoSalt, NewSalt()));

    /// <summary>Writes the identity, origin, and lineage to the start of a buffer of zeros.</summary>
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

    /// <summary>Reads the header of a segment file. Returns the problem, or null if the header is sound.</summary>
    /// <param name="file">The file.</param>
    /// <param name="baseOffset">The base offset in the file's name.</param>
    /// <param name="bytes">Receives the whole header as stored.</param>
    /// <param name="header">The header. Also set if only the name is wrong.</param>
    /// <param name="seal">The seal; null if there is none, or it is damaged.</param>
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

/// <summary>How a segment was created.</summary>
/// <param name="CreatedMs">When, in milliseconds since 1970, UTC. No record of earlier segments is younger.</param>
/// <param name="IsAfterUnflushed">
/// Whether earlier segments had unflushed data at that time, as is possible without <see cref="FlushMode.Always"/>. False proves that
/// everything before was flushed.
/// </param>
/// <param name="IsAfterClockChange">
/// Whether the clock was found to have been set before the segment was created. Then the times of earlier segments say nothing about their
/// age, and they age from the time of this one.
/// </param>
internal readonly record struct SegmentOrigin(long CreatedMs, bool IsAfterUnflushed, bool IsAfterClockChange = false)
{
    public const int SizeBytes = 16;

    /// <summary>Writes the origin. Its checksum starts with the salt of the segment.</summary>
    public void Write(Span<byte> buffer, uint salt)
    {
        BinaryPrimitives.WriteInt64LittleEndian(buffer, Math.Max(1, CreatedMs)); // 0 means that no origin was written
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[8..], (IsAfterUnflushed ? 1u : 0u) | (IsAfterClockChange ? 2u : 0u));
        Checksum.Write(buffer[..SizeBytes], salt);
    }

    /// <summary>Reads an origin. Returns null if it was never written or is damaged.</summary>
    public static SegmentOrigin? TryRead(ReadOnlySpan<byte> buffer, uint salt) =>
        BinaryPrimitives.ReadInt64LittleEndian(buffer) > 0 && Checksum.Matches(buffer[..SizeBytes], salt)
            ? new SegmentOrigin(BinaryPrimitives.ReadInt64LittleEndian(buffer), (buffer[8] & 1) != 0, (buffer[8] & 2) != 0)
            : null;
}

/// <summary>The log that a segment belongs to, and its place in it.</summary>
/// <param name="LogId">The identity of the log, which is the same in all segments.</param>
/// <param name="PreviousSalt">
/// The salt of the previous segment when this one was created; <see cref="NoSalt"/> if there was none.
/// </param>
/// <param name="FrameSalt">The initial value of the checksum of each frame's header: see <see cref="FrameSalts"/>.</param>
internal readonly record struct SegmentLineage(Guid LogId, uint PreviousSalt, uint FrameSalt)
{
    public const int Position = 48;
    public const int SizeBytes = 28;
    public const uint NoSalt = 0;

    /// <summary>Writes the lineage. Its checksum starts with the salt of the segment.</summary>
    public void Write(Span<byte> buffer, uint salt)
    {
        LogId.TryWriteBytes(buffer);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[16..], PreviousSalt);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[20..], FrameSalt);
        Checksum.Write(buffer[..SizeBytes], salt);
    }

    /// <summary>Reads a lineage. Returns null if it is damaged.</summary>
    public static SegmentLineage? TryRead(ReadOnlySpan<byte> buffer, uint salt) =>
        Checksum.Matches(buffer[..SizeBytes], salt)
            ? new SegmentLineage(
                new Guid(buffer[..16]),
                BinaryPrimitives.ReadUInt32LittleEndian(buffer[16..]),
                BinaryPrimitives.ReadUInt32LittleEndian(buffer[20..]))
            : null;
}
