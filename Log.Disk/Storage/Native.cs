using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogKit.Disk.Storage;

/// <summary>
/// The calls that the class library lacks or hides the errors of: fdatasync, a directory's fsync, flock, fallocate. Each throws
/// <see cref="IOException"/> with the system's own words on any failure, and nothing is tried twice that may have failed.
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

    /// <summary>Makes a file's data, and the metadata that reading it needs, durable.</summary>
    public static void FlushData(SafeFileHandle file, string name)
    {
        if (OperatingSystem.IsWindows())
            RandomAccess.FlushToDisk(file);
        else
            Check(OperatingSystem.IsMacOS() ? Fcntl(file, FullFsync) : Fdatasync(file), "flush", name);
    }

    /// <summary>
    /// Loads what the paths below need, as long as there are descriptors for it: an error that needs an assembly to be told would
    /// otherwise be lost when they have run out.
    /// </summary>
    public static void Preload()
    {
        _ = new Win32Exception(0).Message;
        if (OperatingSystem.IsLinux())
            Marshal.PrelinkAll(typeof(Native));
        _ = FileStatus.Of(Path.DirectorySeparatorChar.ToString());
    }

    /// <summary>Opens a directory, which <see cref="File.OpenHandle"/> refuses to; null on Windows, which has no use for it.</summary>
    public static SafeFileHandle? OpenDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
            return null;
        var descriptor = Open(path, CloseOnExec); // read-only
        Check(descriptor, "open", path);
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Makes a directory's entries durable. Windows journals them itself and offers no call.</summary>
    public static void FlushDirectory(SafeFileHandle directory, string path) =>
        Check(OperatingSystem.IsMacOS() ? Fcntl(directory, FullFsync) : Fsync(directory), "flush", path);

    /// <summary>
    /// Locks a directory for its open handle, without waiting: null if another handle has the lock, false if the file system cannot
    /// lock directories.
    /// </summary>
    public static bool? TryLockDirectory(SafeFileHandle directory) =>
        Flock(directory, LockExclusiveNonBlocking) == 0 ? true : Marshal.GetLastPInvokeError() == WouldBlock ? null : false;

    /// <summary>Gives a directory's lock back, whoever else has a copy of the handle.</summary>
    public static void Unlock(SafeFileHandle directory) => Flock(directory, LockUnlock);

    /// <summary>
    /// Locks a file for its open handle, without waiting: false where another handle has the lock. The class library has tried the
    /// same, for <see cref="FileShare.None"/>, but says nothing where the file system has no locks.
    /// </summary>
    public static bool TryLock(SafeFileHandle file, string name)
    {
        if (OperatingSystem.IsWindows())
            return true; // FileShare.None, which the handle was opened with, is a true lock there
        var result = Flock(file, LockExclusiveNonBlocking);
        if (result != 0 && Marshal.GetLastPInvokeError() == WouldBlock)
            return false;
        Check(result, "lock", name);
        return true;
    }

    /// <summary>Allocates blocks on Linux; elsewhere, and where the file system cannot, does nothing and says so.</summary>
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

    /// <summary>Whether the class library's exception means that somebody else has the file.</summary>
    public static bool IsLocked(IOException exception)
    {
        const int WindowsSharingViolation = unchecked((int)0x80070020);
        return exception.HResult == (OperatingSystem.IsWindows() ? WindowsSharingViolation : WouldBlock);
    }

    /// <summary>Whether the class library's exception means that there is no room.</summary>
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
