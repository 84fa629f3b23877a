using System.Collections;
using System.Text;

namespace LogKit;

/// <summary>
/// Records that are appended together. A batch is immutable and <i>is</i> its encoding: the bytes that were received are the
/// bytes that are stored and sent, so what this version does not know (a field added later) passes through untouched.
/// </summary>
/// <remarks>
/// The encoding is the protobuf message <c>log.v1.RecordBatch</c>: a repeated field 3 of messages whose field 1 is the value.
/// Source: <c>proto/log/v1/log.proto</c> and the protocol buffers encoding specification.
/// </remarks>
public sealed class RecordBatch : IReadOnlyList<Record>
{
    /// <summary>
    /// The limit on <see cref="SizeBytes"/> that the built-in logs set by default: 4 MiB less 1 KiB, so that any batch, with what
    /// a response adds to it, fits the 4 MiB message that gRPC clients accept by default.
    /// </summary>
    public const int DefaultLimitBytes = (4 * 1024 * 1024) - 1024;

    private bool? _isOnlyRecords;
    private Record[]? _records;

    /// <summary>Makes a batch of records. Their values are copied.</summary>
    /// <exception cref="ArgumentException">The batch would be larger than an array can be.</exception>
    public RecordBatch(params ReadOnlySpan<Record> records)
        : this(RecordBatchEncoding.Encode(records), records.Length, isOnlyRecords: true)
    {
    }

    private RecordBatch(ReadOnlyMemory<byte> encoded, int count, bool? isOnlyRecords)
    {
        Encoded = encoded;
        Count = count;
        _isOnlyRecords = isOnlyRecords;
    }

    /// <summary>The encoding. A batch that was decoded shows the very bytes that it was decoded from.</summary>
    public ReadOnlyMemory<byte> Encoded { get; }

    /// <summary>The length of <see cref="Encoded"/>: what limits on batches are about.</summary>
    public int SizeBytes => Encoded.Length;

    /// <summary>How many records the batch holds.</summary>
    public int Count { get; }

    /// <summary>The record at an index, from 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such record.</exception>
    public Record this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return Records[index];
        }
    }

    /// <summary>Makes a batch of texts, each a record of its UTF-8 bytes.</summary>
    public static RecordBatch OfText(params ReadOnlySpan<string> texts)
    {
        var records = new Record[texts.Length];
        for (var i = 0; i < texts.Length; i++)
            records[i] = new Record(Encoding.UTF8.GetBytes(texts[i]));
        return new RecordBatch(records);
    }

    /// <summary>Takes an encoding as a batch, without copying it.</summary>
    /// <param name="encoded">The batch keeps this memory: it must not change for as long as the batch is in use.</param>
    /// <exception cref="FormatException">
    /// It is not the encoding of a batch; the message says what is wrong and where. Unknown fields are no error.
    /// </exception>
    public static RecordBatch Decode(ReadOnlyMemory<byte> encoded)
    {
        var (count, isOnlyRecords) = RecordBatchEncoding.Validate(encoded.Span);
        return new RecordBatch(encoded, count, isOnlyRecords);
    }

    /// <summary>
    /// Takes an encoding as a batch, without copying it and without looking at it: for a log that reads back what it has stored.
    /// </summary>
    /// <param name="encoded">
    /// What <see cref="Encoded"/> of a batch showed, kept unharmed by a checksum: where it is anything else, members of this class
    /// fail with <see cref="FormatException"/> or worse, later. The batch keeps this memory.
    /// </param>
    /// <param name="count">That batch's <see cref="Count"/>.</param>
    public static RecordBatch DecodeTrusted(ReadOnlyMemory<byte> encoded, int count) => new(encoded, count, isOnlyRecords: null);

    /// <summary>The records from an index to the end, as a batch; shares this one's bytes where it can.</summary>
    /// <param name="index">The first record to keep; 0 gives this batch.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such record.</exception>
    public RecordBatch From(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Math.Max(Count, 1));
        if (index == 0)
            return this;

        // Fields of the batch itself belong to every part of it, so only a batch without any can be cut by slicing.
        var (position, isOnlyRecords) = RecordBatchEncoding.PositionOf(Encoded.Span, index);
        _isOnlyRecords ??= isOnlyRecords && RecordBatchEncoding.Validate(Encoded.Span[position..]).IsOnlyRecords;
        var encoded = _isOnlyRecords.Value ? Encoded[position..] : RecordBatchEncoding.WithoutRecordsBefore(Encoded.Span, index);
        return new RecordBatch(encoded, Count - index, _isOnlyRecords);
    }

    /// <inheritdoc/>
    public IEnumerator<Record> GetEnumerator() => ((IEnumerable<Record>)Records).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>How many records and bytes: for a debugger's or a test's eye.</summary>
    public override string ToString() => FormattableString.Invariant($"{Count} records, {SizeBytes} bytes");

    // Made on first use: what only moves batches never needs it. Two threads may both make it, to the same effect.
    private Record[] Records => _records ??= RecordBatchEncoding.Records(Encoded, Count);
}
