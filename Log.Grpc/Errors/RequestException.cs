using LogKit.V1;

namespace LogKit.Grpc.Errors;

/// <summary>A request that is invalid for any log.</summary>
internal sealed class RequestException : Exception
{
    private RequestException(string message, string reason, params (string Key, string Value)[] metadata)
        : base(message)
    {
        Reason = reason;
        Metadata = metadata;
    }

    public string Reason { get; }

    public IReadOnlyList<(string Key, string Value)> Metadata { get; }

    public static RequestException FieldRequired(string field) =>
        new($"{field} is required", ErrorReasons.FieldRequired, (ErrorReasons.Keys.Field, field));

    public static RequestException BatchEmpty() =>
        new("record_batch.records must not be empty", ErrorReasons.BatchEmpty);

    public static RequestException Malformed(string field, string problem) => new(
        $"{field} is malformed: {problem}", ErrorReasons.MalformedMessage,
        (ErrorReasons.Keys.Field, field), (ErrorReasons.Keys.Problem, problem));
}
