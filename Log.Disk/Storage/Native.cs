using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogKit.Disk.Storage;

/// <summary>
/// System calls that the class library lacks, or whose errors it hides: fdatasync, fsync of a directory, flock, fallocate. Each throws
/// <see cref="IOException"/> with the system's message on failure. A call that may have failed is not repeated.
/// </summary>
internal static partial class Native
{
    private const int LockExclusiveNonBlocking = 2 | 4; // LOCK_EX | LOCK_NB
    private const int LockUnlock = 8; // LOCK_UN
    private const int FullFsync = 51; // F_FULLFSYNC of macOS: its fsync leaves the drive's cache unflushed
    private static readonly int CloseOnExec = OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000; // O_CLOEXEC
    private const int NoSpace = 28; // ENOSPC
    private const int Interrupted = 4; // EINTR
    private static readonly int WouldBlock = OperatingSystem.IsMacOS() ? 35 : 11; // EWOULDBLOCK
    private static readonly int QuotaExceeded = OperatingSystem.IsMacOS() ? 69 : 122; // EDQUOT
    private static readonly int NotSupported = OperatingSystem.IsMacOS() ? 45 : 95; // EOPNOTSUPP

    /// <summary>Makes the data of a file durable, and the metadata needed to read it.</summary>
    public static void FlushData(SafeFileHandle file, string name)
    {
        if (OperatingSystem.IsWindows())
            RandomAccess.FlushToDisk(file);
        else
            Check(OperatingSystem.IsMacOS() ? Fcntl(file, FullFsync) : Fdatasync(file), "flush", name);
    }

    /// <summary>
    /// Loads what the error paths below need while there are file descriptors. Otherwise, reporting that there are none could itself fail.
    /// </summary>
    public static void Preload()
    {
        _ = new Win32Exception(0).Message;
        if (OperatingSystem.IsLinux())
            Marshal.PrelinkAll(typeof(Native));
        _ = FileStatus.Of(Path.DirectorySeparatorChar.ToString());
    }

    /// <summary>
    /// Opens a directory, which <see cref="File.OpenHandle"/> does not support. Returns null on Windows, where it is not needed.
    /// </summary>
    public static SafeFileHandle? OpenDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
            return null;
        var descriptor = Open(path, CloseOnExec); // read-only
        Check(descriptor, "open", path);
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Makes the entries of a directory durable. Windows journals them and has no such call.</summary>
    public static void FlushDirectory(string path)
    {
        using var directory = OpenDirectory(path);
        if (directory is not null)
            FlushDirectory(directory, path);
    }

    /// <summary>The same, for a directory that is open.</summary>
    public static void FlushDirectory(SafeFileHandle directory, string path) =>
        Check(OperatingSystem.IsMacOS() ? Fcntl(directory, FullFsync) : Fsync(directory), "flush", path);

    /// <summary>
    /// Tries to lock an open directory. Returns null if it is locked by another handle, and false if the file system cannot lock
    /// directories.
    /// </summary>
    public static bool? TryLockDirectory(SafeFileHandle directory) =>
        Flock(directory, LockExclusiveNonBlocking) == 0 ? true : Marshal.GetLastPInvokeError() == WouldBlock ? null : false;

    /// <summary>Unlocks a directory, even if another process has a copy of the descriptor.</summary>
    public static void Unlock(SafeFileHandle directory) => Flock(directory, LockUnlock);

    /// <summary>
    /// Tries to lock an open file. Returns false if it is locked by another handle. The class library also does this for
    /// <see cref="FileShare.None"/>, but does not report if the file system has no locks.
    /// </summary>
    public static bool TryLock(SafeFileHandle file, string name)
    {
        if (OperatingSystem.IsWindows())
            return true; // on Windows, FileShare.None is a real lock
        var result = Flock(file, LockExclusiveNonBlocking);
        if (result != 0 && Marshal.GetLastPInvokeError() == WouldBlock)
            return false;
        Check(result, "lock", name);
        return true;
    }

    /// <summary>Allocates blocks. Returns false, without doing anything, if the system or file system does not support it.</summary>
    public static bool TryAllocate(SafeFileHandle file, long position, long length, string name)
    {
        if (!OperatingSystem.IsLinux())
            return false;
        int result;
        do
        {
            result = Fallocate(file, 0, position, length);
        }
        while (result != 0 && Marshal.GetLastPInvokeError() == Interrupted);

        if (result != 0 && Marshal.GetLastPInvokeError() == NotSupported)
            return false;
        if (result != 0 && IsFull(Marshal.GetLastPInvokeError()))
            throw new StorageFullException($"could not allocate {length} bytes for {name}: no space left");
        Check(result, "allocate", name);
        return true;
    }

    /// <summary>Whether an exception of the class library means that the file is locked.</summary>
    public static bool IsLocked(IOException exception)
    {
        const int WindowsSharingViolation = unchecked((int)0x80070020);
        return exception.HResult == (OperatingSystem.IsWindows() ? WindowsSharingViolation : WouldBlock);
    }

    /// <summary>Whether an exception of the class library means that there is no space.</summary>
    public static bool IsFull(IOException exception)
    {
        const int WindowsDiskFull = unchecked((int)0x80070070);
        return OperatingSystem.IsWindows() ? exception.HResult == WindowsDiskFull : IsFull(exception.HResult);
    }

    private static bool IsFull(int error) => error == NoSpace || error == QuotaExceeded;

    private static void Check(int result, string verb, string name)
    {
        if (result >= 0)
            return;
        var error = Marshal.GetLastPInvokeError();
        var cause = new Win32Exception(error);
        throw new IOException($"could not {verb} {name}: {cause.Message}", cause);
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int Fdatasync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(SafeFileHandle file, int command);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Fallocate(SafeFileHandle file, int mode, long position, long length);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
