namespace LogKit.Cli;

/// <summary>The standard input of the process; one that was closed fails when it is read.</summary>
/// <remarks>
/// The runtime opens files of its own before it runs a program. If descriptor 0 is closed by then, one of those gets its number, and
/// reading it would wait for ever. It can be told: it is no file, pipe or terminal, or the process has it twice.
/// </remarks>
internal static class StandardInput
{
    private const string Descriptors = "/proc/self/fd";

    public static Stream Open() => IsClosed() ? new ClosedInput() : Console.OpenStandardInput();

    private static bool IsClosed()
    {
        if (!Directory.Exists(Descriptors))
            return false; // not Linux
        var own = TargetOf("0");
        if (own is null || own.StartsWith("anon_inode:", StringComparison.Ordinal))
            return true;
        var isOfRuntime = own.EndsWith(".dll", StringComparison.Ordinal) || own.EndsWith(".so", StringComparison.Ordinal);
        var isPipe = own.StartsWith("pipe:", StringComparison.Ordinal) || own.StartsWith("socket:", StringComparison.Ordinal);
        return isOfRuntime || (isPipe && Directory.GetFiles(Descriptors).Any(path => IsOther(Path.GetFileName(path)) && TargetOf(Path.GetFileName(path)) == own));
    }

    private static bool IsOther(string descriptor) => descriptor is not ("0" or "1" or "2");

    private static string? TargetOf(string descriptor)
    {
        try
        {
            return new FileInfo(Path.Combine(Descriptors, descriptor)).LinkTarget;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private sealed class ClosedInput : MemoryStream
    {
        public override int Read(Span<byte> buffer) => throw Closed();

        public override int Read(byte[] buffer, int offset, int count) => throw Closed();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw Closed();

        private static InputException Closed() => new("the standard input", "it is closed: give values, a file (--file) or an input to read");
    }
}
