namespace LogKit.Cli;

/// <summary>What was to be produced cannot be read.</summary>
internal sealed class InputException(string name, string reason, Exception? innerException = null)
    : Exception($"cannot read {name}: {reason}", innerException);
