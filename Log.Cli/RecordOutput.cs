using System.Buffers;

namespace LogKit.Cli;

/// <summary>
/// Records on the standard output: the bytes of each, then a newline. Up to <see cref="BufferBytes"/> are held back until the
/// caller says to flush; what is not flushed is not written.
/// </summary>
internal sealed class RecordOutput(Stream output)
{
    private const int BufferBytes = 64 * 1024;

    private readonly ArrayBufferWriter<byte> _buffer = new(BufferBytes);

    /// <exception cref="OutputException">The output cannot be written.</exception>
    public ValueTask WriteAsync(Record record)
    {
        _buffer.Write(record.Value.Span);
        _buffer.Write("\n"u8);
        return _buffer.WrittenCount >= BufferBytes ? FlushAsync() : ValueTask.CompletedTask;
    }

    /// <exception cref="OutputException">The output cannot be written.</exception>
    public async ValueTask FlushAsync()
    {
        if (_buffer.WrittenCount == 0)
            return;
        try
        {
            await output.WriteAsync(_buffer.WrittenMemory);
            await output.FlushAsync();
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new OutputException(new IOException("the standard output is closed", exception));
        }
        catch (IOException exception)
        {
            throw new OutputException(exception);
        }

        _buffer.ResetWrittenCount();
    }
}
