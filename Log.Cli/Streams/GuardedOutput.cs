using LogKit.Cli.Errors;

namespace LogKit.Cli.Streams;

/// <summary>
/// The standard output for the library's own texts: a write that fails is a failure of the output, and no mistake of the program.
/// </summary>
internal sealed class GuardedOutput(Stream output) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Guard(() => output.Write(buffer, offset, count));

    public override void Flush() => Guard(output.Flush);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static void Guard(Action write)
    {
        try
        {
            write();
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new OutputException(new IOException("standard output is closed", exception));
        }
        catch (IOException exception)
        {
            throw new OutputException(exception);
        }
    }
}
