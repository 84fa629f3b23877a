namespace LogKit.Conformance;

/// <summary>Batches for the rules to append.</summary>
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

    /// <summary>A batch of a number of records, whose values are their numbers.</summary>
    public static RecordBatch Numbered(int count, int first = 0) =>
        RecordBatch.OfText([.. Enumerable.Range(first, count).Select(number => $"record {number}")]);

    /// <summary>A batch of one record whose encoding has exactly a given length.</summary>
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

        // If a varint grows, one more byte of value adds two bytes to the batch. A second, small record fills the gap.
        var rest = OfSize(sizeBytes - 5);
        return new RecordBatch([.. rest, new Record(new byte[1])]);
    }

    /// <summary>Changes every letter of the values in an encoding of texts, so that it remains a valid encoding.</summary>
    public static void Overwrite(byte[] encodedTexts, byte letter)
    {
        for (var i = 0; i < encodedTexts.Length; i++)
        {
            if (encodedTexts[i] is >= (byte)'A' and <= (byte)'z')
                encodedTexts[i] = letter;
        }
    }
}
