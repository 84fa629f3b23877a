namespace LogKit.V1;

/// <summary>
/// The reasons in <c>google.rpc.ErrorInfo</c>, and the keys of its metadata. They are part of the contract and never change. docs/errors.md
/// describes each one and its status.
/// </summary>
public static class ErrorReasons
{
    /// <summary>The domain of all reasons here.</summary>
    public const string Domain = "log.v1";

    /// <summary>The trailer that carries a <c>google.rpc.Status</c>.</summary>
    public const string TrailerName = "grpc-status-details-bin";

#pragma warning disable CS1591 // the names are the documentation; docs/errors.md explains them
    public const string OffsetOutOfRange = "OFFSET_OUT_OF_RANGE";
    public const string OffsetTruncated = "OFFSET_TRUNCATED";
    public const string FieldRequired = "FIELD_REQUIRED";
    public const string BatchEmpty = "BATCH_EMPTY";
    public const string BatchTooLarge = "BATCH_TOO_LARGE";
    public const string MalformedMessage = "MALFORMED_MESSAGE";
    public const string ExpectedOffsetMismatch = "EXPECTED_OFFSET_MISMATCH";
    public const string ShuttingDown = "SHUTTING_DOWN";
    public const string StorageUnavailable = "STORAGE_UNAVAILABLE";
    public const string LogFull = "LOG_FULL";
    public const string OutcomeUnknown = "OUTCOME_UNKNOWN";
    public const string LogReadOnly = "LOG_READ_ONLY";
    public const string RecordCorrupt = "RECORD_CORRUPT";
    public const string IdentityRequired = "IDENTITY_REQUIRED";
    public const string TokenUnknown = "TOKEN_UNKNOWN";
    public const string ActionNotPermitted = "ACTION_NOT_PERMITTED";
    public const string StreamLimit = "STREAM_LIMIT";
    public const string CallLimit = "CALL_LIMIT";
    public const string ServerBusy = "SERVER_BUSY";
    public const string MessageTooLarge = "MESSAGE_TOO_LARGE";
    public const string RequestStalled = "REQUEST_STALLED";
    public const string MalformedCall = "MALFORMED_CALL";
    public const string EncodingUnknown = "ENCODING_UNKNOWN";
    public const string MethodUnknown = "METHOD_UNKNOWN";
    public const string ServiceUnknown = "SERVICE_UNKNOWN";
    public const string DeadlineExceeded = "DEADLINE_EXCEEDED";
    public const string CallCancelled = "CALL_CANCELLED";
    public const string Internal = "INTERNAL";

    public static class Keys
    {
        public const string Offset = "offset";
        public const string StartOffset = "start_offset";
        public const string NextOffset = "next_offset";
        public const string ExpectedOffset = "expected_offset";
        public const string Field = "field";
        public const string SizeBytes = "size_bytes";
        public const string LimitBytes = "limit_bytes";
        public const string Problem = "problem";
        public const string Identity = "identity";
        public const string Action = "action";
        public const string Limit = "limit";
        public const string LimitMs = "limit_ms";
        public const string Encoding = "encoding";
        public const string Method = "method";
        public const string TraceId = "trace_id";
    }
#pragma warning restore CS1591
}
