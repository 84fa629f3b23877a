namespace LogKit.Cli.Records;

/// <summary>A record of the input cannot be produced. The message says which, and why.</summary>
internal sealed class RecordException(string message) : Exception(message);
