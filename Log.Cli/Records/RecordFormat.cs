using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace LogKit.Cli.Records;

/// <summary>The format of records in a file or stream, for input and output.</summary>
internal abstract class RecordFormat
{
    /// <summary>The bytes of each record, followed by a newline, which is not part of it.</summary>
    public static RecordFormat Lines { get; } = new DelimitedFormat((byte)'\n', "line");

    /// <summary>
    /// An object per line: <c>{"offset":42,"value":"text"}</c>, with <c>base64</c> instead of <c>value</c> where the bytes are not UTF-8.
    /// </summary>
    public static RecordFormat Json { get; } = new JsonFormat();

    /// <summary>Everything as one record. For input only.</summary>
    public static RecordFormat Whole { get; } = new WholeFormat();

    /// <summary>The bytes of each record, then a byte of the user's choice.</summary>
    public static RecordFormat Delimited(byte delimiter) => delimiter is (byte)'\n' ? Lines : new DelimitedFormat(delimiter, "record");

    /// <summary>The byte that ends a record; null where only the end of the input does.</summary>
    public abstract byte? Delimiter { get; }

    /// <summary>What an error calls a piece of the input: line, record.</summary>
    public abstract string Noun { get; }

    /// <summary>Makes a record of what stood before a delimiter.</summary>
    /// <exception cref="FormatException">It is not a record; the message completes "line 3 ...".</exception>
    public virtual Record Parse(ReadOnlyMemory<byte> text) => new(text);

    /// <summary>Writes a record, its delimiter included.</summary>
    public virtual void Write(IBufferWriter<byte> output, ulong offset, Record record)
    {
        output.Write(record.Value.Span);
        output.Write([Delimiter!.Value]);
    }

    private sealed class DelimitedFormat(byte delimiter, string noun) : RecordFormat
    {
        public override byte? Delimiter => delimiter;

        public override string Noun => noun;
    }

    private sealed class WholeFormat : RecordFormat
    {
        public override byte? Delimiter => null;

        public override string Noun => "record";
    }

    private sealed class JsonFormat : RecordFormat
    {
        private const string Value = "value";
        private const string Base64 = "base64";

        // It is not for HTML.
        private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

        public override byte? Delimiter => (byte)'\n';

        public override string Noun => "line";

        public override Record Parse(ReadOnlyMemory<byte> text)
        {
            try
            {
                using var document = JsonDocument.Parse(text);
                if (document.RootElement.ValueKind is not JsonValueKind.Object)
                    throw new FormatException("is not a JSON object");
                var isText = document.RootElement.TryGetProperty(Value, out var value);
                var isBinary = document.RootElement.TryGetProperty(Base64, out var base64);
                if (isText == isBinary)
                    throw new FormatException($"must have exactly one of \"{Value}\", which is text, and \"{Base64}\"");
                return new Record(isText ? Encoding.UTF8.GetBytes(TextOf(value, Value)) : BytesOf(base64));
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                throw new FormatException("is not a JSON object such as \"tail --format json\" writes it", exception);
            }
        }

        public override void Write(IBufferWriter<byte> output, ulong offset, Record record)
        {
            using (var writer = new Utf8JsonWriter(output, Options))
            {
                writer.WriteStartObject();
                writer.WriteNumber("offset", offset);
                if (Utf8.IsValid(record.Value.Span))
                    writer.WriteString(Value, record.Value.Span);
                else
                    writer.WriteBase64String(Base64, record.Value.Span);
                writer.WriteEndObject();
            }

            output.Write("\n"u8);
        }

        private static byte[] BytesOf(JsonElement element) =>
            element.ValueKind is JsonValueKind.String && element.TryGetBytesFromBase64(out var bytes)
                ? bytes
                : throw new FormatException($"has a \"{Base64}\" that is not Base64");

        private static string TextOf(JsonElement element, string name) => element.ValueKind is JsonValueKind.String
            ? element.GetString()!
            : throw new FormatException($"has a \"{name}\" that is not a string");
    }
}
