namespace LogKit.Cli;

/// <summary>A file that the command was given, or should write, cannot be used: the message says which, and why.</summary>
internal sealed class UnusableException(string message, Exception? innerException = null) : Exception(message, innerException);
