using System.Globalization;
using System.Text;

namespace LogKit.Conformance.Running;

/// <summary>Formats operations as C#, for messages and for pasting into a test.</summary>
internal static class OperationText
{
    private const int ShownRecords = 8;
    private const int ShownBytes = 40;

    /// <summary>Formats operations as a program, with outcomes as comments.</summary>
    public static IEnumerable<string> Program(IEnumerable<Operation> operations)
    {
        var opened = new HashSet<(string, int)>();
        foreach (var operation in operations)
        {
            var statement = Statement(operation);
            if (operation.Kind is OperationKind.Open && opened.Add((operation.Log, operation.Client)))
                statement = $"var {statement}";
            else if (operation.Kind is OperationKind.Wait && !operation.Succeeded)
                statement = statement
                    .Replace("await ", "_ = ", StringComparison.Ordinal)
                    .Replace(");", ").AsTask();", StringComparison.Ordinal);
            else if (operation.Failure is { } failure)
                statement = $"try {{ {statement} }} catch ({failure.GetType().Name}) {{ }}";
            yield return $"{statement} // {Outcome(operation)}";
        }
    }

    /// <summary>Formats an operation and its outcome.</summary>
    public static string Of(Operation operation) =>
        $"{Statement(operation).TrimEnd(';').Replace("await ", "", StringComparison.Ordinal)}: {Outcome(operation)}";

    public static string Of(IEnumerable<RecordBatch> batches) => $"[{string.Join(", ", batches.Select(Of))}]";

    public static string Of(RecordBatch? batch)
    {
        if (batch is null)
            return "null!";
        try
        {
            return Text(batch);
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException or IndexOutOfRangeException)
        {
            return $"/* no batch: {Convert.ToHexString(batch.Encoded.Span[..Math.Min(ShownBytes, batch.SizeBytes)])} */";
        }
    }

    private static string Text(RecordBatch batch)
    {
        if (batch.Count == 0)
            return "new RecordBatch()";
        if (batch.Count <= ShownRecords && batch.All(IsText))
            return $"RecordBatch.OfText({string.Join(", ", batch.Select(record => Quoted(record.ToString())))})";
        if (batch.Count <= ShownRecords)
            return $"new RecordBatch({string.Join(", ", batch.Select(record => $"new Record({Bytes(record.Value.Span)})"))})";
        var last = batch[^1];
        return $"RecordBatch.OfText([.. Enumerable.Range(0, {batch.Count}).Select(i => $\"{{i}}\")]) /* {batch.SizeBytes} bytes, up to "
            + $"{Short(last)} */";
    }

    /// <summary>Formats a text as an expression.</summary>
    public static string Of(string text) =>
        text.Length > ShownBytes && text.All(character => character == text[0]) ? $"new string('{text[0]}', {text.Length})" : Quoted(text);

    /// <summary>Formats a record for a message, as text if possible, otherwise as bytes.</summary>
    public static string Short(Record record) => record.Value.Length > ShownBytes
        ? $"{record.Value.Length} bytes {Convert.ToHexString(record.Value.Span[..ShownBytes])}..."
        : IsText(record) ? Quoted(record.ToString())
        : $"{record.Value.Length} bytes {Convert.ToHexString(record.Value.Span)}";

    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var character in text)
        {
            if (character is '"' or '\\')
                quoted.Append('\\');
            quoted.Append(character);
        }

        return quoted.Append('"').ToString();
    }

    public static string Number(ulong number) => number switch
    {
        ulong.MaxValue => "ulong.MaxValue",
        _ => number.ToString(CultureInfo.InvariantCulture),
    };

    private static string Statement(Operation operation)
    {
        var log = Identifier(operation.Log) + (operation.Client == 0 ? "" : $"{operation.Client + 1}");
        return operation.Kind switch
        {
            OperationKind.Open =>
                $"{log} = await harness.{(operation.Client == 0 ? "OpenAsync" : "OpenSecondClientAsync")}(\"{operation.Log}\");",
            OperationKind.Append when operation.Offset is { } expected =>
                $"await {log}.AppendBatchAsync({Of(operation.Batch!)}, expectedOffset: {Number(expected)});",
            OperationKind.Append => $"await {log}.AppendBatchAsync({Of(operation.Batch!)});",
            OperationKind.Read => $"await {log}.ReadBatchAsync({Number(operation.Offset!.Value)});",
            OperationKind.ReadBatches =>
                $"await {log}.ReadBatchesAsync({Number(operation.Offset!.Value)}, limitBytes: {operation.LimitBytes});",
            OperationKind.Range => $"await {log}.GetRangeAsync();",
            OperationKind.Wait => $"await {log}.WaitForAppendAsync({Number(operation.Offset!.Value)});",
            OperationKind.Truncate => $"await ((ITruncatableLog){log}).TruncateBeforeAsync({Number(operation.Offset!.Value)});",
            OperationKind.Dispose => $"await {log}.DisposeAsync();",
            _ => $"await harness.{operation.Kind}Async(\"{operation.Log}\");",
        };
    }

    /// <summary>A variable for a log: its name, whose dashes become capitals.</summary>
    private static string Identifier(string name)
    {
        var parts = name.Split('-', StringSplitOptions.RemoveEmptyEntries);
        var text = parts[0] + string.Concat(parts.Skip(1).Select(part => char.ToUpperInvariant(part[0]) + part[1..]));
        return char.IsAsciiDigit(text[0]) ? $"log{text}" : text;
    }

    private static string Outcome(Operation operation)
    {
        if (operation.Returned == Operation.Never)
            return "has not ended";
        if (operation.IsCanceled)
            return "was canceled";
        return operation switch
        {
            { Failure: { } failure } => $"{failure.GetType().Name}: {failure.Message.ReplaceLineEndings(" ")}",
            { Result: RecordBatch batch } => Of(batch),
            { Result: IReadOnlyList<RecordBatch> batches } => Of(batches),
            { Result: { } result } => $"{result}",
            _ => "done",
        };
    }

    private static bool IsText(Record record)
    {
        if (record.Value.Length > ShownBytes)
            return false;
        foreach (var value in record.Value.Span)
        {
            if (value is < 0x20 or > 0x7E)
                return false;
        }

        return true;
    }

    private static string Bytes(ReadOnlySpan<byte> bytes) => bytes.Length > ShownBytes
        ? $"new byte[{bytes.Length}]"
        : $"(byte[])[{string.Join(", ", bytes.ToArray())}]";
}
