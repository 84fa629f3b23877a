using System.Buffers.Binary;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Format;

/// <summary>The file START: the log's first readable offset. Absent until the log is first truncated. See FORMAT.md.</summary>
internal static class StartFile
{
    public const string Name = "START";
    public const string TemporaryName = "START.tmp";
    private const int SizeBytes = 32;

    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "LogKit.B"u8;

    /// <summary>Replaces the file, durably: after a crash it is the old one or the new one.</summary>
    public static void Replace(IStorage storage, ulong startOffset)
    {
        using (var file = storage.Create(TemporaryName))
        {
            file.Write(Encode(startOffset), 0);
            file.Flush();
        }

        storage.Rename(TemporaryName, Name);
        storage.FlushDirectory();
    }

    public static byte[] Encode(ulong startOffset)
    {
        var bytes = new byte[SizeBytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), startOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), Crc32C.Append(0, bytes.AsSpan(0, 28)));
        return bytes;
    }

    /// <summary>Reads the file that is there; null where it is sound, and otherwise what is wrong with it.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static FormatProblem? Read(IStorage storage, out ulong startOffset)
    {
        startOffset = 0;
        using var file = storage.Open(Name, canWrite: false);
        Span<byte> bytes = new byte[SizeBytes + 1]; // one more, to notice a file that is too long
        if (file.Read(bytes, 0) != SizeBytes || !bytes[..8].SequenceEqual(Magic))
            return new FormatProblem("it is not the start file of a log");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]) != Crc32C.Append(0, bytes[..28]))
            return new FormatProblem("its checksum does not match");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) is var version && version != Version)
            return FormatProblem.ForeignVersion(version, Version);
        startOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
        return null;
    }
}
