using System.Buffers.Binary;
using System.Text;
using LogKit.Disk.Format;
using LogKit.Disk.Storage;

namespace LogKit.Disk.Stores;

/// <summary>The file SETTINGS in the directory of a log: its name, its id, and its settings. See FORMAT.md.</summary>
internal static class SettingsFile
{
    public const string Name = "SETTINGS";
    private const string TemporaryName = "SETTINGS.tmp";

    private const uint Version = 1;
    private const int HeaderBytes = 56; // without the name and the checksum

    private static ReadOnlySpan<byte> Magic => "LogKit.C"u8;

    /// <summary>Replaces the file durably and atomically.</summary>
    public static void Replace(IStorage storage, LogInfo log) => storage.Replace(TemporaryName, Name, Encode(log));

    public static byte[] Encode(LogInfo log)
    {
        var bytes = new byte[HeaderBytes + log.Name.Length + Checksum.SizeBytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), (uint)log.Name.Length);
        log.Id.TryWriteBytes(bytes.AsSpan(16));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(32), log.Settings.StartOffset);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(40), log.Settings.RetentionLimitBytes ?? 0);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(48), log.Settings.RetentionLimitMs ?? 0);
        Encoding.ASCII.GetBytes(log.Name, bytes.AsSpan(HeaderBytes));
        Checksum.Write(bytes, salt: 0);
        return bytes;
    }

    /// <exception cref="LogDamagedException">The file is damaged, or of another version.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static LogInfo Read(IStorage storage)
    {
        using var file = storage.Open(Name, canWrite: false);
        var buffer = new byte[HeaderBytes + LogNames.LengthLimit + Checksum.SizeBytes + 1]; // one more, to detect one that is too long
        var bytes = buffer.AsSpan(0, file.Read(buffer, 0));
        var path = Path.Combine(storage.Location, Name);
        if (bytes.Length <= HeaderBytes + Checksum.SizeBytes || !bytes[..8].SequenceEqual(Magic))
            throw new LogDamagedException(path, 0, "it is not the settings file of a log");
        if (!Checksum.Matches(bytes, salt: 0))
            throw new LogDamagedException(path, 0, "its checksum does not match");
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) is var version and not Version)
            throw new LogDamagedException(path, 8, FormatProblem.ForeignVersion(version, "version 1").Text);
        var name = Encoding.ASCII.GetString(bytes[HeaderBytes..^Checksum.SizeBytes]);
        if (!LogNames.IsValid(name) || BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) != (uint)name.Length)
            throw new LogDamagedException(path, 12, "it does not contain the name of a log");
        return new LogInfo(name, new Guid(bytes.Slice(16, 16)), new LogSettings
        {
            StartOffset = BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            RetentionLimitBytes = NullIfZero(BinaryPrimitives.ReadInt64LittleEndian(bytes[40..])),
            RetentionLimitMs = NullIfZero(BinaryPrimitives.ReadInt64LittleEndian(bytes[48..])),
        });
    }

    private static long? NullIfZero(long limit) => limit == 0 ? null : limit;
}
