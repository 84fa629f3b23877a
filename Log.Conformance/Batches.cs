namespace LogKit.Conformance;

/// <summary>Batches that rules append.</summary>
internal static class Batches
{
    public static RecordBatch Of(params ReadOnlySpan<string> texts) => RecordBatch.OfText(texts);

    public static RecordBatch OfBytes(params ReadOnlySpan<byte[]> values)
    {
        var records = new Record[values.Length];
        for (var i = 0; i < values.Length; i++)
            records[i] = new Record(values[i]);
        return new RecordBatch(records);
    }

    /// <summary>A batch of so many records, each with its number for a value.</summary>
    public static RecordBatch Numbered(int count, int first = 0) =>
        RecordBatch.OfText([.. Enumerable.Range(first, count).Select(number => $"record {number}")]);

    /// <summary>A batch of one record whose encoding is exactly so many bytes long.</summary>
    public static RecordBatch OfSize(int sizeBytes)
    {
        for (var overhead = 2; overhead <= 12; overhead++)
        {
            var value = new byte[Math.Max(0, sizeBytes - overhead)];
            for (var i = 0; i < value.Length; i++)
                value[i] = (byte)(i * 31);
            var batch = OfBytes(value);
            if (batch.SizeBytes == sizeBytes)
                return batch;
        }

        // A varint grows where one byte more of value would make two bytes more of batch: a second, small record fills the gap.
        var rest = OfSize(sizeBytes - 5);
        return new RecordBatch([.. rest, new Record(new byte[1])]);
    }

    /// <summary>Changes every letter of the values in an encoding of texts, and leaves it an encoding.</summary>
    public static void Overwrite(byte[] encodedTexts, byte letter)
    {
        for (var i = 0; i < encodedTexts.Length; i++)
        {
            if (encodedTexts[i] is >= (byte)'A' and <= (byte)'z')
                encodedTexts[i] = letter;
        }
    }
}
