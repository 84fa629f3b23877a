namespace LogKit.Cli.Errors;

/// <summary>What the process tells the one who started it. The help of the root command shows them.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>The log or the server said no, could not be reached, or a file or stream failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong; nothing was done.</summary>
    public const int Usage = 2;
}
