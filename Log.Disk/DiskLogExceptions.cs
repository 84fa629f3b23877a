using static System.FormattableString;

namespace LogKit.Disk;

/// <summary>Another open log, of this process or of another, has the directory.</summary>
/// <param name="directory">The directory.</param>
/// <param name="innerException">What the system said.</param>
public sealed class LogInUseException(string directory, Exception? innerException = null)
    : LogException($"the log in {directory} is in use by another process or another log of this one", innerException)
{
    /// <summary>The directory.</summary>
    public string Directory { get; } = directory;
}

/// <summary>
/// What was found on opening is not what was once flushed: something is damaged, missing, or of another version. The log is not
/// opened and nothing is changed, for a person to look at.
/// </summary>
/// <param name="file">The name of the file.</param>
/// <param name="position">Where in the file, in bytes.</param>
/// <param name="problem">What is wrong, in words.</param>
/// <param name="offset">The first offset that is affected, where it is known.</param>
public sealed class LogDamagedException(string file, long position, string problem, ulong? offset = null)
    : LogException(Invariant($"{file} is damaged at byte {position}{(offset is { } o ? Invariant($" (offset {o})") : "")}: {problem}"))
{
    /// <summary>The name of the file.</summary>
    public string File { get; } = file;

    /// <summary>Where in the file, in bytes.</summary>
    public long Position { get; } = position;

    /// <summary>The first offset that is affected, where it is known.</summary>
    public ulong? Offset { get; } = offset;
}
