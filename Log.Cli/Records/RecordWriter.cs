using System.Buffers;
using LogKit.Cli.Errors;

namespace LogKit.Cli.Records;

/// <summary>
/// Records on the standard output. Up to <see cref="BufferBytes"/> are held back until the
/// caller says to flush; what is not flushed is not written.
/// </summary>
internal sealed class RecordWriter(Stream output, RecordFormat format)
{
    private const int BufferBytes = 64 * 1024;

    private readonly ArrayBufferWriter<byte> _buffer = new(BufferBytes);

    /// <param name="offset">The record's offset, for formats that show it.</param>
    /// <param name="record">The record.</param>
    /// <exception cref="OutputException">The output cannot be written.</exception>
    public ValueTask WriteAsync(ulong offset, Record record)
    {
        format.Write(_buffer, offset, record);
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
            throw new OutputException(new IOException("standard output is closed", exception));
        }
        catch (IOException exception)
        {
            throw new OutputException(exception);
        }

        _buffer.ResetWrittenCount();
    }
}
