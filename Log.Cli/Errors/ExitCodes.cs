namespace LogKit.Cli.Errors;

/// <summary>The exit codes of the process, which the help of the root command shows.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>The log or server refused or could not be reached, or a file or stream failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line is invalid. Nothing was done.</summary>
    public const int Usage = 2;
}
