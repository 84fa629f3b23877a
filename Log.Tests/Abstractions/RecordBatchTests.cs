using Google.Protobuf;
using LogKit.Tests.Support;

namespace LogKit.Tests.Abstractions;

/// <summary>The encoding of batches, compared with the protobuf library.</summary>
public sealed class RecordBatchTests
{
    private static readonly int[] Lengths = [0, 1, 127, 128, 200, 16383, 16384, 70000];

    [Fact]
    public void A_batch_is_encoded_as_the_protobuf_library_encodes_it()
    {
        var values = Lengths.Select(Bytes).ToArray();
        var batch = new RecordBatch([.. values.Select(value => new Record(value))]);
        var message = new V1.RecordBatch { Records = { values.Select(value => new V1.Record { Value = ByteString.CopyFrom(value) }) } };
        Assert.Equal(message.ToByteArray(), batch.Encoded.ToArray());
        Assert.Equal(message.CalculateSize(), batch.SizeBytes);
    }

    [Fact]
    public void What_the_protobuf_library_encodes_is_decoded()
    {
        var message = new V1.RecordBatch
        {
            Records = { Lengths.Select(length => new V1.Record { Value = ByteString.CopyFrom(Bytes(length)) }) },
        };
        var batch = RecordBatch.Decode(message.ToByteArray());
        Assert.Equal(Lengths.Length, batch.Count);
        Assert.Equal(Lengths.Select(Bytes), batch.Select(record => record.Value.ToArray()));
    }

    [Fact]
    public void A_batch_without_bytes_is_empty()
    {
        Assert.Empty(new RecordBatch());
        Assert.Empty(RecordBatch.Decode(default));
        Assert.Equal(0, new RecordBatch().SizeBytes);
    }

    [Fact]
    public void Making_a_batch_copies_the_values_and_decoding_does_not()
    {
        var value = "before"u8.ToArray();
        var made = new RecordBatch(new Record(value));
        "after!"u8.CopyTo(value);
        Assert.Equal("before", made[0].ToString());

        var encoded = RecordBatch.OfText("value").Encoded.ToArray();
        Assert.True(RecordBatch.Decode(encoded).Encoded.Equals(encoded.AsMemory()));
    }

    [Fact]
    public void The_rest_of_a_batch_begins_at_the_given_record()
    {
        var batch = RecordBatch.OfText("a", "bb", "", "dddd");
        for (var i = 0; i < batch.Count; i++)
            Assert.Equal(batch.Skip(i).Select(record => record.ToString()), batch.From(i).Select(record => record.ToString()));
        Assert.Same(batch, batch.From(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.From(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => batch.From(-1));
    }

    /// <summary>Keeps fields of a later version, both of the batch (field 7) and of a record (field 9).</summary>
    [Fact]
    public void Unknown_fields_are_kept()
    {
        byte[] first = [0x1A, 0x06, 0x0A, 0x01, (byte)'a', 0x4A, 0x01, 0xFF]; // record { value: "a", 9: bytes }
        byte[] second = [0x1A, 0x05, 0x48, 0x96, 0x01, 0x0A, 0x00]; // record { 9: 150, value: "" }
        byte[] ofBatch = [0x3D, 1, 2, 3, 4]; // 7: fixed32
        byte[] encoded = [.. first, .. ofBatch, .. second];

        var batch = RecordBatch.Decode(encoded);
        Assert.Equal(["a", ""], batch.Select(record => record.ToString()));
        Assert.Equal(encoded, batch.Encoded.ToArray());
        Assert.Equal([.. ofBatch, .. second], batch.From(1).Encoded.ToArray());
    }

    [Fact]
    public void The_last_of_two_values_of_a_record_counts()
    {
        byte[] encoded = [0x1A, 0x06, 0x0A, 0x01, (byte)'a', 0x0A, 0x01, (byte)'b'];
        Assert.Equal("b", RecordBatch.Decode(encoded)[0].ToString());
        Assert.Equal("b", V1.RecordBatch.Parser.ParseFrom(encoded).Records[0].Value.ToStringUtf8());
    }

    public static TheoryData<string, byte[], string> Malformed =>
        new()
        {
            { "a tag without its length", [0x1A], "truncated number at byte 1" },
            { "a length cut off", [0x1A, 0x80], "truncated number at byte 1" },
            { "a length past the end", [0x1A, 0x05, 0x0A], "the field at byte 0 is 5 bytes long: only 1 are left" },
            {
                "a length past the end of the record",
                [0x1A, 0x02, 0x0A, 0x05, 0x0A],
                "the field at byte 2 is 5 bytes long: only 0 are left"
            },
            {
                "a length of more than 2 GiB",
                [0x1A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
                "the field at byte 0 is 4294967295 bytes long: only 0 are left"
            },
            {
                "a number of more than 64 bits",
                [0x38, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],
                "the number at byte 1 is larger than 64 bits"
            },
            {
                "a number without end",
                [0x38, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
                "the number at byte 1 is larger than 64 bits"
            },
            { "records as a number", [0x18, 0x01], "records has wire type 0 at byte 0: it must be 2" },
            { "a value as fixed64", [0x1A, 0x09, 0x09, 1, 2, 3, 4, 5, 6, 7, 8], "value has wire type 1 at byte 2: it must be 2" },
            { "a group", [0x3B, 0x3C], "invalid wire type 3 at byte 0" },
            { "wire type 6", [0x3E], "invalid wire type 6 at byte 0" },
            { "wire type 7", [0x3F], "invalid wire type 7 at byte 0" },
            { "field number 0", [0x02, 0x00], "invalid field number at byte 0" },
            { "a field number of more than 29 bits", [0xFA, 0xFF, 0xFF, 0xFF, 0x1F, 0x00], "invalid field number at byte 0" },
            { "fixed64 cut off", [0x39, 1, 2, 3], "the field at byte 0 is 8 bytes long: only 3 are left" },
            { "fixed32 cut off", [0x3D, 1, 2, 3], "the field at byte 0 is 4 bytes long: only 3 are left" },
        };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Bytes_that_are_not_a_batch_are_refused_with_the_position(string what, byte[] encoded, string problem)
    {
        var exception = Assert.Throws<FormatException>(() => RecordBatch.Decode(encoded));
        Assert.True(problem == exception.Message, $"{what}: {exception.Message}");
    }

    /// <summary>Decodes randomly damaged batches as the protobuf library does, or refuses them.</summary>
    [Fact]
    public void Damaged_bytes_are_refused_or_decoded_as_the_protobuf_library_decodes_them()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 20_000 * TestSeed.Effort; round++)
        {
            var encoded = RecordBatch
                .OfText([.. Enumerable.Range(0, random.Next(4)).Select(_ => new string('x', random.Next(5)))])
                .Encoded.ToArray();
            for (var i = random.Next(3); i > 0 && encoded.Length > 0; i--)
                encoded[random.Next(encoded.Length)] = (byte)random.Next(256);
            encoded = encoded[..random.Next(encoded.Length + 1)];

            var ours = Try(() => RecordBatch.Decode(encoded).Select(record => Convert.ToHexString(record.Value.Span)).ToArray());
            var theirs = Try(() =>
                V1.RecordBatch.Parser.ParseFrom(encoded).Records.Select(record => Convert.ToHexString(record.Value.Span)).ToArray());
            if (ours is not null)
            {
                Assert.True(theirs is not null, $"only the library refuses {Convert.ToHexString(encoded)} (seed {seed})");
                Assert.Equal(theirs, ours);
                if (ours.Length > 0)
                {
                    var from = random.Next(ours.Length);
                    var rest = RecordBatch.DecodeTrusted(encoded, ours.Length).From(from);
                    Assert.Equal(ours[from..], rest.Select(record => Convert.ToHexString(record.Value.Span)));
                }
            }
        }

        static string[]? Try(Func<string[]> decode)
        {
            try
            {
                return decode();
            }
            catch (Exception exception) when (exception is FormatException or InvalidProtocolBufferException)
            {
                return null;
            }
        }
    }

    private static byte[] Bytes(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7))];
}
