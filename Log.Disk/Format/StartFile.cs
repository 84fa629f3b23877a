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

    /// <summary>Reads the file that is there; on failure says in words what is wrong with it.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static bool TryRead(IStorage storage, out ulong startOffset, out string problem)
    {
        using var file = storage.Open(Name, canWrite: false);
        var bytes = new byte[SizeBytes + 1]; // one more, to notice a file that is too long
        return TryDecode(bytes.AsSpan(0, file.Read(bytes, 0)), out startOffset, out problem);
    }

    /// <summary>Reads the offset; on failure says in words what is wrong.</summary>
    private static bool TryDecode(ReadOnlySpan<byte> bytes, out ulong startOffset, out string problem)
    {
        startOffset = 0;
        if (bytes.Length != SizeBytes || !bytes[..8].SequenceEqual(Magic))
            problem = "it is not the start file of a log";
        else if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]) != Crc32C.Append(0, bytes[..28]))
            problem = "its checksum does not match";
        else if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) is var version && version != Version)
            problem = FormattableString.Invariant($"it has format version {version}: this program reads version {Version}");
        else
        {
            startOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]);
            problem = "";
            return true;
        }

        return false;
    }
}
