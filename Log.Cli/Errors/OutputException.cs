namespace LogKit.Cli.Errors;

/// <summary>Standard output cannot be written.</summary>
internal sealed class OutputException(IOException innerException)
    : CommandException($"cannot write the output: {innerException.Message}", innerException)
{
    private const int BrokenPipe = 32; // EPIPE, the same on Linux and macOS
    private const int WindowsBrokenPipe = unchecked((int)0x8007006D);
    private const int WindowsNoData = unchecked((int)0x800700E8);

    /// <summary>Whether it failed because the reader of the output is gone.</summary>
    public static bool IsClosedPipe(Exception exception) =>
        exception is OutputException or IOException
        && (exception.InnerException ?? exception).HResult is BrokenPipe or WindowsBrokenPipe or WindowsNoData;
}
