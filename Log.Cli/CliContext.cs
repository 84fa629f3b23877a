using LogKit.Cli.Streams;
using Microsoft.Win32.SafeHandles;
using Spectre.Console;

namespace LogKit.Cli;

/// <summary>What the command line has around it: its process's streams and variables, or a test's.</summary>
/// <param name="Stdin">Where records come from when neither values nor a file are given.</param>
/// <param name="Stdout">Where records go, as the bytes that they are. A write after the reader has gone must throw.</param>
/// <param name="Stderr">Where everything else goes.</param>
internal sealed record CliContext(Stream Stdin, Stream Stdout, TextWriter Stderr)
{
    public const string AddressVariable = "LOGKIT_ADDRESS";

    public const string TokenVariable = "LOGKIT_TOKEN";

    /// <summary>A terminal on the standard error, for progress; null where there is none.</summary>
    public IAnsiConsole? Terminal { get; init; }

    /// <summary>Whether a person types the standard input: a moving line on the terminal would be in the way.</summary>
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
                    Interactive = InteractionSupport.Yes, // else a piped standard input counts as no terminal
                }),
            IsStdinTyped = !Console.IsInputRedirected,
            Address = Environment.GetEnvironmentVariable(AddressVariable),
            Token = Environment.GetEnvironmentVariable(TokenVariable) is { Length: > 0 } token ? token : null,
        };
    }

    /// <remarks>
    /// The console's own stream drops, silently, what is written to a pipe that nobody reads any more; a FileStream throws. A FileStream
    /// over a regular file, though, writes at positions of its own, and what another program writes to the same output next
    /// would land on top of it. So each has its case.
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
            return Console.OpenStandardOutput(); // closed, or no ordinary output
        }
    }
}
