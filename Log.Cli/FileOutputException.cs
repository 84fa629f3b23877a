namespace LogKit.Cli;

/// <summary>A file cannot be written.</summary>
internal sealed class FileOutputException(string path, string reason, Exception? innerException = null)
    : Exception($"cannot write {path}: {reason}", innerException);
