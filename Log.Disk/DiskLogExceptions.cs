using static System.FormattableString;

namespace LogKit.Disk;

/// <summary>The directory is in use by another open log, in this process or another.</summary>
/// <param name="directory">The directory.</param>
/// <param name="innerException">The error from the system.</param>
public sealed class LogInUseException(string directory, Exception? innerException = null)
    : LogException($"the log in {directory} is in use by another process, or by another DiskLog in this one", innerException)
{
    /// <summary>The directory.</summary>
    public string Directory { get; } = directory;
}

/// <summary>
/// Opening a log found that data that had been flushed is damaged, missing, or of another version. The log is not opened, and nothing is
/// changed. See <c>logkit verify</c> and <c>logkit repair</c>.
/// </summary>
/// <param name="file">The name of the file.</param>
/// <param name="position">The position in the file, in bytes.</param>
/// <param name="problem">A description of the problem.</param>
/// <param name="offset">The first affected offset, or null if it is not known.</param>
public sealed class LogDamagedException(string file, long position, string problem, ulong? offset = null)
    : LogException(Invariant($"{file} is damaged at byte {position}{(offset is { } o ? Invariant($" (offset {o})") : "")}: {problem}"))
{
    /// <summary>The name of the file.</summary>
    public string File { get; } = file;

    /// <summary>The position in the file, in bytes.</summary>
    public long Position { get; } = position;

    /// <summary>The first affected offset, or null if it is not known.</summary>
    public ulong? Offset { get; } = offset;
}
