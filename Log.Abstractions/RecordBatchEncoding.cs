// A hand-written protobuf encoding of log.v1.RecordBatch, which keeps this assembly free of dependencies. Decoding accepts what a
// protobuf parser accepts, with two exceptions: a known field with the wrong wire type, and groups (which proto3 does not have), are
// errors instead of unknown fields.

using static System.FormattableString;

namespace LogKit;

internal static class RecordBatchEncoding
{
    private const uint RecordsTag = (3 << 3) | LengthDelimited;
    private const uint ValueTag = (1 << 3) | LengthDelimited;

    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int LengthDelimited = 2;
    private const int Fixed32 = 5;

    public static byte[] Encode(ReadOnlySpan<Record> records)
    {
        long size = 0;
        foreach (var record in records)
            size += SizeOfField(SizeOfRecord(record));
        if (size > Array.MaxLength)
            throw new ArgumentException(Invariant($"the batch would be {size} bytes: the limit is {Array.MaxLength}"), nameof(records));

        var encoded = new byte[size];
        var position = 0;
        foreach (var record in records)
        {
            var value = record.Value.Span;
            WriteHeader(encoded, ref position, RecordsTag, SizeOfRecord(record));
            if (value.IsEmpty)
                continue; // proto3 omits default values
            WriteHeader(encoded, ref position, ValueTag, value.Length);
            value.CopyTo(encoded.AsSpan(position));
            position += value.Length;
        }

        return encoded;
    }

    /// <summary>Checks every byte except those of values and unknown fields, and counts the records.</summary>
    public static (int Count, bool IsOnlyRecords) Validate(ReadOnlySpan<byte> encoded)
    {
        var count = 0;
        var isOnlyRecords = true;
        for (var position = 0; position < encoded.Length;)
        {
            position = SkipSmallRecords(encoded, position, ref count, int.MaxValue);
            if (position == encoded.Length)
                break;
            var field = ReadField(encoded, position, encoded.Length);
            if (field.Tag == RecordsTag)
            {
                count++;
                _ = ReadRecord(encoded, field);
            }
            else
            {
                RequireUnknown(field, RecordsTag, "records");
                isOnlyRecords = false;
            }

            position = field.End;
        }

        return (count, isOnlyRecords);
    }

    public static Record[] Records(ReadOnlyMemory<byte> encoded, int count)
    {
        var records = new Record[count];
        var span = encoded.Span;
        var index = 0;
        for (var position = 0; position < span.Length;)
        {
            var field = ReadField(span, position, span.Length);
            if (field.Tag == RecordsTag)
            {
                var (start, end) = ReadRecord(span, field);
                records[index++] = new Record(encoded[start..end]);
            }

            position = field.End;
        }

        return records;
    }

    /// <summary>Finds the position of the record at an index, and whether only records precede it.</summary>
    public static (int Position, bool IsOnlyRecords) PositionOf(ReadOnlySpan<byte> encoded, int index)
    {
        var position = 0;
        var count = 0;
        var isOnlyRecords = true;
        while (true)
        {
            position = SkipSmallRecords(encoded, position, ref count, index);
            var field = ReadField(encoded, position, encoded.Length);
            if (field.Tag != RecordsTag)
                isOnlyRecords = false;
            else if (count++ == index)
                return (position, isOnlyRecords);
            position = field.End;
        }
    }

    /// <summary>
    /// Skips records of at most 127 bytes that are encoded as <see cref="Encode"/> encodes them. A fast path: a batch may have millions of
    /// records, and each read scans them all.
    /// </summary>
    /// <param name="encoded">The batch.</param>
    /// <param name="position">The position of a field.</param>
    /// <param name="count">Incremented for each record that is skipped.</param>
    /// <param name="end">The limit on <paramref name="count"/>.</param>
    /// <returns>The position of the first field that is not such a record, or that would exceed the limit.</returns>
    private static int SkipSmallRecords(ReadOnlySpan<byte> encoded, int position, ref int count, int end)
    {
        while (count < end && position + 1 < encoded.Length && encoded[position] == RecordsTag)
        {
            var length = encoded[position + 1];
            var next = position + 2 + length;
            if (length > 0x7F || next > encoded.Length)
                break;
            if (length > 0 && (length < 2 || encoded[position + 2] != ValueTag || encoded[position + 3] != length - 2))
                break;
            position = next;
            count++;
        }

        return position;
    }

    /// <summary>Copies the encoding without the first records.</summary>
    public static byte[] WithoutRecordsBefore(ReadOnlySpan<byte> encoded, int index)
    {
        using var kept = new MemoryStream(encoded.Length);
        for (var position = 0; position < encoded.Length;)
        {
            var field = ReadField(encoded, position, encoded.Length);
            if (field.Tag != RecordsTag || index-- <= 0)
                kept.Write(encoded[position..field.End]);
            position = field.End;
        }

        return kept.ToArray();
    }

    /// <summary>Finds the bounds of a record's value. If the field occurs several times, the last one wins, as in protobuf.</summary>
    private static (int Start, int End) ReadRecord(ReadOnlySpan<byte> encoded, Field record)
    {
        var value = (Start: record.ContentStart, End: record.ContentStart);
        for (var position = record.ContentStart; position < record.End;)
        {
            var field = ReadField(encoded, position, record.End);
            if (field.Tag == ValueTag)
                value = (field.ContentStart, field.End);
            else
                RequireUnknown(field, ValueTag, "value");
            position = field.End;
        }

        return value;
    }

    private static void RequireUnknown(Field field, uint knownTag, string name)
    {
        if (field.Tag >> 3 == knownTag >> 3)
            throw new FormatException(
                Invariant($"{name} has wire type {field.Tag & 7} at byte {field.Start}: it must be {LengthDelimited}"));
    }

    private readonly record struct Field(uint Tag, int Start, int ContentStart, int End);

    private static Field ReadField(ReadOnlySpan<byte> encoded, int start, int limit)
    {
        var position = start;
        var tag = ReadVarint(encoded, ref position, limit);
        if (tag > uint.MaxValue || tag >> 3 == 0)
            throw new FormatException(Invariant($"invalid field number at byte {start}"));

        var contentStart = position;
        ulong length;
        switch (tag & 7)
        {
            case Varint:
                _ = ReadVarint(encoded, ref position, limit);
                return new Field((uint)tag, start, contentStart, position);
            case Fixed64:
                length = 8;
                break;
            case Fixed32:
                length = 4;
                break;
            case LengthDelimited:
                length = ReadVarint(encoded, ref position, limit);
                contentStart = position;
                break;
            default:
                throw new FormatException(Invariant($"invalid wire type {tag & 7} at byte {start}"));
        }

        if (length > (ulong)(limit - position))
            throw new FormatException(Invariant($"the field at byte {start} is {length} bytes long: only {limit - position} are left"));
        return new Field((uint)tag, start, contentStart, position + (int)length);
    }

    private static ulong ReadVarint(ReadOnlySpan<byte> encoded, ref int position, int limit)
    {
        var start = position;
        var value = 0ul;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (position >= limit)
                throw new FormatException(Invariant($"truncated number at byte {start}"));
            var next = encoded[position++];
            if (shift == 63 && next > 1)
                break;
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }

        throw new FormatException(Invariant($"the number at byte {start} is larger than 64 bits"));
    }

    private static int SizeOfRecord(Record record) => record.Value.IsEmpty ? 0 : checked((int)SizeOfField(record.Value.Length));

    private static long SizeOfField(int length) => 1L + SizeOfVarint((uint)length) + length;

    private static int SizeOfVarint(uint value) => (38 - System.Numerics.BitOperations.LeadingZeroCount(value | 1)) / 7;

    private static void WriteHeader(Span<byte> encoded, ref int position, uint tag, int length)
    {
        encoded[position++] = (byte)tag;
        var rest = (uint)length;
        for (; rest >= 0x80; rest >>= 7)
            encoded[position++] = (byte)(rest | 0x80);
        encoded[position++] = (byte)rest;
    }
}
