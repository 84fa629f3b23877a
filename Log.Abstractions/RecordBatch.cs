using System.Collections;
using System.Text;

namespace LogKit;

/// <summary>
/// Records that are appended together. A batch is immutable, and it <i>is</i> its encoding: the bytes that were received are the bytes that
/// are stored and sent. Fields that this version does not know are therefore preserved.
/// </summary>
/// <remarks>
/// The encoding is the protobuf message <c>log.v1.RecordBatch</c>: a repeated field 3 of messages whose field 1 is the value.
/// Source: <c>proto/log/v1/log.proto</c> and the protocol buffers encoding specification.
/// </remarks>
public sealed class RecordBatch : IReadOnlyList<Record>
{
    /// <summary>
    /// The default limit on <see cref="SizeBytes"/> in the built-in logs: 4 MiB minus 1 KiB. A response with any such batch fits in 4 MiB,
    /// the largest message that gRPC clients accept by default.
    /// </summary>
    public const int DefaultLimitBytes = (4 * 1024 * 1024) - 1024;

    private bool? _isOnlyRecords;
    private Record[]? _records;

    /// <summary>Makes a batch of records. Copies their values.</summary>
    /// <exception cref="ArgumentException">The encoding would exceed the maximum length of an array.</exception>
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

    /// <summary>The encoding. For a decoded batch, the very bytes that it was decoded from.</summary>
    public ReadOnlyMemory<byte> Encoded { get; }

    /// <summary>The length of <see cref="Encoded"/> in bytes. Limits on batches apply to it.</summary>
    public int SizeBytes => Encoded.Length;

    /// <summary>The number of records in the batch.</summary>
    public int Count { get; }

    /// <summary>The record at a zero-based index.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The index is negative, or not less than <see cref="Count"/>.</exception>
    public Record this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(index);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
            return Records[index];
        }
    }

    /// <summary>Makes a batch in which each record is the UTF-8 encoding of a text.</summary>
    public static RecordBatch OfText(params ReadOnlySpan<string> texts)
    {
        var records = new Record[texts.Length];
        for (var i = 0; i < texts.Length; i++)
            records[i] = new Record(Encoding.UTF8.GetBytes(texts[i]));
        return new RecordBatch(records);
    }

    /// <summary>Makes a batch from an encoding, without copying it.</summary>
    /// <param name="encoded">
    /// The encoding. The batch keeps a reference to this memory, which must not change while the batch is in use.
    /// </param>
    /// <exception cref="FormatException">
    /// It is not the encoding of a batch. The message says what is wrong and where. Unknown fields are allowed.
    /// </exception>
    public static RecordBatch Decode(ReadOnlyMemory<byte> encoded)
    {
        var (count, isOnlyRecords) = RecordBatchEncoding.Validate(encoded.Span);
        return new RecordBatch(encoded, count, isOnlyRecords);
    }

    /// <summary>
    /// Makes a batch from an encoding without copying or validating it. For a log that reads back what it has stored.
    /// </summary>
    /// <param name="encoded">
    /// The <see cref="Encoded"/> bytes of a batch, whose integrity a checksum has confirmed. With any other bytes, members of this class
    /// may later throw <see cref="FormatException"/> or return wrong records. The batch keeps a reference to this memory.
    /// </param>
    /// <param name="count">The <see cref="Count"/> of that batch.</param>
    public static RecordBatch DecodeTrusted(ReadOnlyMemory<byte> encoded, int count) => new(encoded, count, isOnlyRecords: null);

    /// <summary>Makes a batch of the records from an index to the end. It shares this batch's bytes if possible.</summary>
    /// <param name="index">The index of the first record to keep; 0 returns this batch.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index is negative, or not less than <see cref="Count"/>.</exception>
    public RecordBatch From(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Math.Max(Count, 1));
        if (index == 0)
            return this;

        // Other fields of the batch belong to each part of it, so only a batch that has none can be sliced.
        var (position, isOnlyRecords) = RecordBatchEncoding.PositionOf(Encoded.Span, index);
        _isOnlyRecords ??= isOnlyRecords && RecordBatchEncoding.Validate(Encoded.Span[position..]).IsOnlyRecords;
        var encoded = _isOnlyRecords.Value ? Encoded[position..] : RecordBatchEncoding.WithoutRecordsBefore(Encoded.Span, index);
        return new RecordBatch(encoded, Count - index, _isOnlyRecords);
    }

    /// <inheritdoc/>
    public IEnumerator<Record> GetEnumerator() => ((IEnumerable<Record>)Records).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The number of records and bytes, for diagnostics.</summary>
    public override string ToString() => FormattableString.Invariant($"{Count} records, {SizeBytes} bytes");

    // Made on first use: code that only forwards batches never needs it. If two threads race, both make the same array.
    private Record[] Records => _records ??= RecordBatchEncoding.Records(Encoded, Count);
}
