namespace LogKit.Grpc.Observability;

/// <summary>
/// The journal entries of the service, with text, level, and number. Operators' alerts depend on the numbers, which never change. No entry
/// contains a secret.
/// </summary>
internal static partial class ServiceJournal
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Error, Message = "{Method} failed unexpectedly (trace id {TraceId})")]
    public static partial void LogUnexpected(this ILogger journal, Exception exception, string method, string traceId);

    [LoggerMessage(EventId = 60, Level = LogLevel.Error, Message = "{Change}")]
    public static partial void LogReadOnly(this ILogger journal, string change);

    [LoggerMessage(EventId = 61, Level = LogLevel.Error, Message = "{Change}")]
    public static partial void LogFull(this ILogger journal, string change);

    [LoggerMessage(EventId = 62, Level = LogLevel.Information, Message = "{Change}")]
    public static partial void LogRoomAgain(this ILogger journal, string change);

    [LoggerMessage(EventId = 63, Level = LogLevel.Error, Message = "{Change}")]
    public static partial void LogStorageLost(this ILogger journal, string change);

    [LoggerMessage(EventId = 64, Level = LogLevel.Information, Message = "{Change}")]
    public static partial void LogStorageBack(this ILogger journal, string change);

    [LoggerMessage(EventId = 65, Level = LogLevel.Warning, Message = "{Change}")]
    public static partial void LogClockSuspect(this ILogger journal, string change);

    [LoggerMessage(EventId = 66, Level = LogLevel.Error, Message = "{Change}")]
    public static partial void LogResourceExhausted(this ILogger journal, string change);

    [LoggerMessage(EventId = 67, Level = LogLevel.Information, Message = "{Change}")]
    public static partial void LogResourceAvailable(this ILogger journal, string change);

    [LoggerMessage(EventId = 68, Level = LogLevel.Warning, Message = "{Change}")]
    public static partial void LogNotice(this ILogger journal, string change);
}
