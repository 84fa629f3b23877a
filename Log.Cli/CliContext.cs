using LogKit.Cli.Streams;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace LogKit.Cli;

/// <summary>The streams and variables of a command line: those of the process, or of a test.</summary>
/// <param name="Stdin">The source of records if neither values nor a file are given.</param>
/// <param name="Stdout">The destination of records, as bytes. A write must throw if the reader is gone.</param>
/// <param name="Stderr">The destination of everything else.</param>
internal sealed record CliContext(Stream Stdin, Stream Stdout, TextWriter Stderr)
{
    public const string AddressVariable = "LOGKIT_ADDRESS";

    public const string TokenVariable = "LOGKIT_TOKEN";

    /// <summary>The terminal on standard error, for progress; null if there is none.</summary>
    public IAnsiConsole? Terminal { get; init; }

    /// <summary>Whether standard input is a terminal, on which a progress line would be in the way.</summary>
    public bool IsStdinTyped { get; init; }

    /// <summary>The value of <see cref="AddressVariable"/>.</summary>
    public string? Address { get; init; }

    /// <summary>The value of <see cref="TokenVariable"/>.</summary>
    public string? Token { get; init; }

    public static CliContext OfProcess()
    {
        Console.SetError(new StreamWriter(new ForgivingStream(Console.OpenStandardError())) { AutoFlush = true });
        return new CliContext(StandardInput.Open(), OpenStandardOutput(), Console.Error)
        {
            Terminal = Console.IsErrorRedirected
                ? null
                : AnsiConsole.Create(new AnsiConsoleSettings
                {
                    Out = new AnsiConsoleOutput(Console.Error),
                    Interactive = InteractionSupport.Yes, // otherwise, a piped standard input means that there is no terminal
                }),
            IsStdinTyped = !Console.IsInputRedirected,
            Address = Environment.GetEnvironmentVariable(AddressVariable),
            Token = Environment.GetEnvironmentVariable(TokenVariable) is { Length: > 0 } token ? token : null,
        };
    }

    /// <remarks>
    /// For a pipe without a reader, the stream of the console silently drops data, while a FileStream throws. For a regular file, a
    /// FileStream keeps its own position, so the next program that writes to the same output would overwrite it. So each is used for its
    /// case.
    /// </remarks>
    private static Stream OpenStandardOutput()
    {
        if (OperatingSystem.IsWindows() || !Console.IsOutputRedirected)
            return Console.OpenStandardOutput();
        try
        {
            var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            return stream.CanSeek ? Console.OpenStandardOutput() : stream;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Console.OpenStandardOutput(); // closed, or not an ordinary output
        }
    }
}
