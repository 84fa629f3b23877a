using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LogKit.Cli.Errors;

namespace LogKit.Cli.Records;

/// <summary>How large a batch may get.</summary>
/// <param name="Records">The most records.</param>
/// <param name="Bytes">The most bytes of its encoding, unless a single record is larger.</param>
internal sealed record BatchLimits(int Records, int Bytes);

/// <summary>
/// The records of a stream as batches. A record ends at the delimiter, which is not part of it; nothing else is special, and what follows
/// the last delimiter, if anything does, is a record too. Reads no further ahead than one batch and one buffer, and keeps no record
/// waiting for others for longer than <see cref="LingerMs"/>.
/// </summary>
internal sealed class RecordReader(Stream input, string name, RecordFormat format, BatchLimits limits)
{
    /// <summary>A record that is larger than any log takes is an error before it fills the memory.</summary>
    public const int RecordLimitBytes = 64 * 1024 * 1024;

    private const int LingerMs = 10;
    private const int BufferBytes = 256 * 1024;
    private const int MinReadBytes = 64 * 1024;

    // What the encoding adds to a record at most: twice a tag of one byte and a length of up to five.
    private const int RecordOverheadBytes = 12;

    // Read, and not yet part of a record: from _recordStart to _end, of which up to _searched there is no delimiter.
    private byte[] _buffer = new byte[BufferBytes];
    private int _recordStart;
    private int _searched;
    private int _end;

    // The batch to be. Its records lie in _buffer, or in one that came before it: what they show is never moved.
    private readonly List<Record> _records = [];
    private int _sizeBytes;

    private ulong _count; // of the records that were found

    /// <exception cref="CommandException">The stream cannot be read.</exception>
    /// <exception cref="RecordException">
    /// A record is larger than <see cref="RecordLimitBytes"/>, or is not as the format has it. All records before it have been returned.
    /// </exception>
    public async IAsyncEnumerable<RecordBatch> ReadBatchesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var isAtEnd = false;
        while (!isAtEnd)
        {
            MakeRoom();
            var reading = ReadAsync(cancellationToken);
            if (_records.Count > 0 && await IsSlowAsync(reading))
                yield return TakeBatch();
            var count = await reading;
            isAtEnd = count == 0;
            _end += count;

            while (TakeText(isAtEnd) is { } text)
            {
                var (record, failure) = Parse(text);
                if (failure is not null || !Fits(record))
                {
                    if (_records.Count > 0)
                        yield return TakeBatch();
                    if (failure is not null)
                        throw failure;
                }

                Add(record);
            }

            if (_end - _recordStart > RecordLimitBytes)
            {
                if (_records.Count > 0)
                    yield return TakeBatch();
                throw TooLarge(_count + 1);
            }
        }

        if (_records.Count > 0)
            yield return TakeBatch();
    }

    /// <summary>The next record's text: up to a delimiter, or at the end what is left.</summary>
    private ReadOnlyMemory<byte>? TakeText(bool isAtEnd)
    {
        var length = format.Delimiter is { } delimiter ? _buffer.AsSpan(_searched.._end).IndexOf(delimiter) : -1;
        var isWhole = format.Delimiter is null && _count == 0; // it may be empty
        if (length < 0)
        {
            _searched = _end;
            if (!isAtEnd || (_recordStart == _end && !isWhole))
                return null;
        }

        var end = length < 0 ? _end : _searched + length;
        var text = _buffer.AsMemory(_recordStart..end);
        _recordStart = _searched = length < 0 ? end : end + 1;
        _count++;
        return text;
    }

    private (Record Record, RecordException? Failure) Parse(ReadOnlyMemory<byte> text)
    {
        if (text.Length > RecordLimitBytes)
            return (default, TooLarge(_count));
        try
        {
            return (format.Parse(text), null);
        }
        catch (FormatException exception)
        {
            return (default, Unusable(_count, exception.Message));
        }
    }

    private RecordException TooLarge(ulong record) =>
        Unusable(record, FormattableString.Invariant($"is larger than {RecordLimitBytes} bytes, which no log accepts"));

    private RecordException Unusable(ulong record, string problem) =>
        new(FormattableString.Invariant($"{(format.Delimiter is null ? name : $"{format.Noun} {record} of {name}")} {problem}"));

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
        var rest = _buffer.AsSpan(_recordStart.._end);
        if (_buffer.Length - _end >= MinReadBytes)
            return;

        var fits = _buffer.Length - rest.Length >= Math.Max(MinReadBytes, rest.Length);
        var target = fits && _records.Count == 0 ? _buffer : new byte[Math.Max(BufferBytes, 2 * rest.Length)];
        rest.CopyTo(target);
        _buffer = target;
        _searched -= _recordStart;
        _recordStart = 0;
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
            throw CommandException.CannotRead(name, exception.Message, exception);
        }
    }

    private static async Task<bool> IsSlowAsync(Task<int> reading) =>
        !reading.IsCompleted && await Task.WhenAny(reading, Task.Delay(LingerMs)) != reading;
}
