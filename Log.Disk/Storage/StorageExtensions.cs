namespace LogKit.Disk.Storage;

/// <summary>What several files of a log need of their directory.</summary>
internal static class StorageExtensions
{
    /// <summary>Replaces a small file durably and atomically: a power failure leaves the old content or the new.</summary>
    public static void Replace(this IStorage storage, string temporaryName, string name, ReadOnlySpan<byte> content)
    {
        using (var file = storage.Create(temporaryName))
        {
            file.Write(content, 0);
            file.Flush();
        }

        storage.Rename(temporaryName, name);
        storage.FlushDirectory();
    }
}
