using System.Buffers.Binary;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Format;

/// <summary>
/// The file START, which contains the first readable offset of the log. Absent until the log is first truncated. See FORMAT.md.
/// </summary>
internal static class StartFile
{
    public const string Name = "START";
    public const string TemporaryName = "START.tmp";

    private const uint Version = 2;
    private const int SizeBytes = 48;
    private const int Version1SizeBytes = 32; // without the identity of the log

    private static ReadOnlySpan<byte> Magic => "LogKit.B"u8;

    /// <summary>The content of the file.</summary>
    /// <param name="Offset">The first readable offset.</param>
    /// <param name="LogId">The identity of the log; null in a file of version 1.</param>
    internal readonly record struct Content(ulong Offset, Guid? LogId);

    /// <summary>Replaces the file durably and atomically.</summary>
    public static void Replace(IStorage storage, ulong startOffset, Guid? logId) =>
        storage.Replace(TemporaryName, Name, Encode(startOffset, logId));

    /// <summary>The bytes of the file, in version 1 for a log without an identity.</summary>
    public static byte[] Encode(ulong startOffset, Guid? logId)
    {
        var bytes = new byte[logId is null ? Version1SizeBytes : SizeBytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), logId is null ? 1 : Version);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), startOffset);
        logId?.TryWriteBytes(bytes.AsSpan(24));
        Checksum.Write(bytes, salt: 0);
        return bytes;
    }

    /// <summary>Reads the existing file. Returns the problem, or null if the file is sound.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static FormatProblem? Read(IStorage storage, out Content content)
    {
        content = default;
        using var file = storage.Open(Name, canWrite: false);
        var buffer = new byte[SizeBytes + 1]; // one more byte, to detect a file that is too long
        var bytes = buffer.AsSpan(0, file.Read(buffer, 0));
        if (bytes.Length is not (Version1SizeBytes or SizeBytes) || !bytes[..8].SequenceEqual(Magic))
            return new FormatProblem("it is not the start file of a log");
        if (!Checksum.Matches(bytes, salt: 0))
            return new FormatProblem("its checksum does not match");
        var version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (version is 0 or > Version)
            return FormatProblem.ForeignVersion(version, "versions 1 and 2");
        if (bytes.Length != (version == 1 ? Version1SizeBytes : SizeBytes))
            return new FormatProblem("its length is not that of its version");
        content = new Content(BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]), version == 1 ? null : new Guid(bytes.Slice(24, 16)));
        return null;
    }
}
