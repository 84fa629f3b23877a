using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LogKit.Cli;

/// <summary>How large a batch may get.</summary>
/// <param name="Records">The most records.</param>
/// <param name="Bytes">The most bytes of its encoding, unless a single record is larger.</param>
internal sealed record BatchLimits(int Records, int Bytes);

/// <summary>
/// The lines of a stream as batches of records. A line ends at '\n', which is no part of the record; nothing else is special, and
/// what follows the last '\n', if anything does, is a record too. Reads no further ahead than one batch and one buffer, and keeps no
/// record waiting for others for longer than <see cref="LingerMs"/>.
/// </summary>
internal sealed class RecordLines(Stream input, string name, BatchLimits limits)
{
    /// <summary>A line that is larger than any log takes is an error before it fills the memory.</summary>
    public const int RecordLimitBytes = 64 * 1024 * 1024;

    private const int LingerMs = 10;
    private const int BufferBytes = 256 * 1024;
    private const int LeastReadBytes = 64 * 1024;

    // What the encoding adds to a record at most: twice a tag of one byte and a length of up to five.
    private const int RecordOverheadBytes = 12;

    // Read, and not yet part of a record: from _lineStart to _end, of which up to _searched there is no newline.
    private byte[] _buffer = new byte[BufferBytes];
    private int _lineStart;
    private int _searched;
    private int _end;

    // The batch to be. Its records lie in _buffer, or in one that came before it: what they show is never moved.
    private readonly List<Record> _records = [];
    private int _sizeBytes;

    /// <exception cref="InputException">The stream cannot be read, or a line is larger than <see cref="RecordLimitBytes"/>.</exception>
    public async IAsyncEnumerable<RecordBatch> ReadBatchesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        while (true)
        {
            while (TakeLine() is { } line)
            {
                if (!Fits(line))
                    yield return TakeBatch();
                Add(line);
            }

            MakeRoom();
            var reading = ReadAsync(cancellationToken);
            if (_records.Count > 0 && await IsSlowAsync(reading))
                yield return TakeBatch();
            var count = await reading;
            if (count == 0)
                break;
            _end += count;
        }

        if (_lineStart < _end)
        {
            var line = new Record(_buffer.AsMemory(_lineStart.._end));
            if (!Fits(line))
                yield return TakeBatch();
            Add(line);
        }

        if (_records.Count > 0)
            yield return TakeBatch();
    }

    private Record? TakeLine()
    {
        var length = _buffer.AsSpan(_searched.._end).IndexOf((byte)'\n');
        if (length < 0)
        {
            _searched = _end;
            return null;
        }

        var line = new Record(_buffer.AsMemory(_lineStart..(_searched + length)));
        _lineStart = _searched += length + 1;
        return line;
    }

    private bool Fits(Record record) =>
        _records.Count == 0 || (_records.Count < limits.Records && _sizeBytes + SizeOf(record) <= limits.Bytes);

    private void Add(Record record)
    {
        _records.Add(record);
        _sizeBytes += SizeOf(record);
    }

    private static int SizeOf(Record record) => RecordOverheadBytes + record.Value.Length;

    private RecordBatch TakeBatch()
    {
        var batch = new RecordBatch(CollectionsMarshal.AsSpan(_records));
        _records.Clear();
        _sizeBytes = 0;
        return batch;
    }

    private void MakeRoom()
    {
        var rest = _buffer.AsSpan(_lineStart.._end);
        if (rest.Length > RecordLimitBytes)
        {
            throw new InputException(
                name, FormattableString.Invariant($"a line is larger than {RecordLimitBytes} bytes: no log takes such a record"));
        }

        if (_buffer.Length - _end >= LeastReadBytes)
            return;

        var fits = _buffer.Length - rest.Length >= Math.Max(LeastReadBytes, rest.Length);
        var target = fits && _records.Count == 0 ? _buffer : new byte[Math.Max(BufferBytes, 2 * rest.Length)];
        rest.CopyTo(target);
        _buffer = target;
        _searched -= _lineStart;
        _lineStart = 0;
        _end = rest.Length;
    }

    private async Task<int> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            // A terminal or a pipe does not heed the token: what it then delivers, nobody sees.
            return await input.ReadAsync(_buffer.AsMemory(_end), cancellationToken).AsTask().WaitAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new InputException(name, exception.Message, exception);
        }
    }

    private static async Task<bool> IsSlowAsync(Task<int> reading) =>
        !reading.IsCompleted && await Task.WhenAny(reading, Task.Delay(LingerMs)) != reading;
}
