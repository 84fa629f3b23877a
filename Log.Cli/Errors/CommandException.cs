namespace LogKit.Cli.Errors;

/// <summary>The command cannot be carried out. The message says why, in one line for the user.</summary>
internal class CommandException(string message, Exception? innerException = null) : Exception(message, innerException)
{
    public static CommandException CannotRead(string name, string reason, Exception? innerException = null) =>
        new($"cannot read {name}: {reason}", innerException);

    public static CommandException CannotWrite(string name, string reason, Exception? innerException = null) =>
        new($"cannot write {name}: {reason}", innerException);
}
