using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogKit.Disk.Storage;

/// <summary>What the class library does not report about a file: its kind, its number of names, and its identity.</summary>
/// <param name="Kind">Whether it is a regular file, a directory, or something else.</param>
/// <param name="LinkCount">The number of its names (hard links).</param>
/// <param name="Device">Identifies the file, together with <paramref name="Inode"/>.</param>
/// <param name="Inode">See <paramref name="Device"/>.</param>
/// <remarks>
/// Uses <c>statx</c>, whose result has the same layout on every architecture: see statx(2). Elsewhere, nothing is known.
/// </remarks>
internal readonly partial record struct FileStatus(FileKind Kind, uint LinkCount, ulong Device, ulong Inode)
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const int EmptyPath = 0x1000; // AT_EMPTY_PATH: of the descriptor itself
    private const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
    private const uint Basic = 0x1 | 0x4 | 0x100; // STATX_TYPE, STATX_NLINK, STATX_INO
    private const int SizeBytes = 256;

    private static readonly byte[] NoPath = [0];
    private static volatile bool _isUnavailable = !OperatingSystem.IsLinux();

    /// <summary>Whether it is the same file as another.</summary>
    public bool IsSameAs(FileStatus other) => Device == other.Device && Inode == other.Inode;

    /// <summary>Gets the status of an open file; null if it is not available.</summary>
    public static unsafe FileStatus? Of(SafeFileHandle file)
    {
        if (_isUnavailable)
            return null;
        var answer = stackalloc byte[SizeBytes];
        try
        {
            return StatxOf(file, NoPath, EmptyPath, Basic, answer) == 0 ? Parse(new ReadOnlySpan<byte>(answer, SizeBytes)) : null;
        }
        catch (EntryPointNotFoundException)
        {
            _isUnavailable = true;
            return null;
        }
    }

    /// <summary>Gets the status of the file at a path; null if there is none, or it is not available.</summary>
    public static unsafe FileStatus? Of(string path, bool followsLink = true)
    {
        if (_isUnavailable)
            return null;
        var answer = stackalloc byte[SizeBytes];
        try
        {
            return StatxOf(CurrentDirectory, path, followsLink ? 0 : NoFollow, Basic, answer) == 0
                ? Parse(new ReadOnlySpan<byte>(answer, SizeBytes)) : null;
        }
        catch (EntryPointNotFoundException)
        {
            _isUnavailable = true;
            return null;
        }
    }

    private static FileStatus Parse(ReadOnlySpan<byte> answer)
    {
        const int KindMask = 0xF000; // S_IFMT
        var kind = (BitConverter.ToUInt16(answer[28..]) & KindMask) switch
        {
            0x8000 => FileKind.Regular, // S_IFREG
            0x4000 => FileKind.Directory, // S_IFDIR
            _ => FileKind.Other,
        };
        var device = ((ulong)BitConverter.ToUInt32(answer[136..]) << 32) | BitConverter.ToUInt32(answer[140..]);
        return new FileStatus(kind, BitConverter.ToUInt32(answer[16..]), device, BitConverter.ToUInt64(answer[32..]));
    }

    [LibraryImport("libc", EntryPoint = "statx")]
    private static unsafe partial int StatxOf(SafeFileHandle file, byte[] path, int flags, uint mask, byte* answer);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatxOf(int directory, string path, int flags, uint mask, byte* answer);
}

/// <summary>The kind of a file.</summary>
internal enum FileKind
{
    Regular,
    Directory,
    Other,
}
