using LogKit.Cli.Errors;

namespace LogKit.Cli.Streams;

/// <summary>The standard input of the process; one that was closed fails when it is read.</summary>
/// <remarks>
/// The runtime opens files of its own before it runs a program. If descriptor 0 is closed by then, one of those gets its number, and
/// reading it would wait for ever. It can be told: what a process opens for itself is closed on exec, which an inherited descriptor has
/// survived.
/// </remarks>
internal static class StandardInput
{
    private const int CloseOnExec = 0x80000; // O_CLOEXEC, open(2)

    public static Stream Open() => IsClosed() ? new ClosedInput() : Console.OpenStandardInput();

    private static bool IsClosed()
    {
        try
        {
            const string Flags = "flags:";
            // Octal, proc_pid_fdinfo(5).
            var line = File.ReadLines("/proc/self/fdinfo/0").First(line => line.StartsWith(Flags, StringComparison.Ordinal));
            return (Convert.ToInt32(line[Flags.Length..].Trim(), fromBase: 8) & CloseOnExec) != 0;
        }
        catch (DirectoryNotFoundException)
        {
            return false; // no Linux
        }
        catch (FileNotFoundException)
        {
            return true; // still closed
        }
    }

    private sealed class ClosedInput : MemoryStream
    {
        public override int Read(Span<byte> buffer) => throw Closed();

        public override int Read(byte[] buffer, int offset, int count) => throw Closed();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw Closed();

        private static CommandException Closed() =>
            CommandException.CannotRead("the standard input", "it is closed: give values, --file, or input to read");
    }
}
