using System.Buffers.Binary;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Format;

/// <summary>
/// The file LOCK. A lock on it protects the log. It contains the identity of the log, which also shows that the directory once held a log,
/// so that a log whose segments are gone is not mistaken for a new one.
/// </summary>
internal static class LockFile
{
    public const string Name = "LOCK";

    private const uint Version = 1;
    private const int SizeBytes = 36;

    private static ReadOnlySpan<byte> Magic => "LogKit.L"u8;

    /// <summary>Writes the identity durably.</summary>
    public static void Write(IStorageFile file, Guid logId)
    {
        file.Write(Encode(logId), 0);
        file.Flush();
    }

    public static byte[] Encode(Guid logId)
    {
        var bytes = new byte[SizeBytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        logId.TryWriteBytes(bytes.AsSpan(16));
        Checksum.Write(bytes, salt: 0);
        return bytes;
    }

    /// <summary>Reads the identity. Returns null if there is none, as in a log of version 1, or if it is damaged.</summary>
    public static Guid? TryRead(IStorageFile file)
    {
        Span<byte> bytes = stackalloc byte[SizeBytes];
        return file.Read(bytes, 0) == SizeBytes && bytes[..8].SequenceEqual(Magic)
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) == Version
            && Checksum.Matches(bytes, salt: 0)
            ? new Guid(bytes.Slice(16, 16))
            : null;
    }
}
