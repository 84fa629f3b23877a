using System.Net;
using System.Net.Sockets;
using LogKit.Disk;

namespace LogKit.Grpc.Observability;

/// <summary>
/// All that the server writes into its journal, in one place: each entry's text, level and number, which stay as they are. An operator's
/// alerts hang on them. No entry has a secret among its values.
/// </summary>
internal static partial class Journal
{
    [LoggerMessage(EventId = 1, Level = LogLevel.Error, Message = "{Method} failed unexpectedly (trace id {TraceId})")]
    public static partial void LogUnexpected(this ILogger journal, Exception exception, string method, string traceId);

    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "LogKit {Version} listening on {Address} ({Security})")]
    public static partial void LogStarted(this ILogger journal, string version, string address, string security);

    [LoggerMessage(EventId = 11, Level = LogLevel.Information, Message = "data in {Directory}: {Recovery}")]
    public static partial void LogDirectory(this ILogger journal, string directory, RecoveryReport recovery);

    [LoggerMessage(EventId = 12, Level = LogLevel.Warning, Message = "data in memory only: it is gone when the server stops")]
    public static partial void LogMemory(this ILogger journal);

    [LoggerMessage(EventId = 13, Level = LogLevel.Information, Message = "stopped")]
    public static partial void LogStopped(this ILogger journal);

    [LoggerMessage(EventId = 14, Level = LogLevel.Information, Message = "data in log {Name} of PostgreSQL {Version}: range {Range}")]
    public static partial void LogDatabase(this ILogger journal, string name, Version version, LogRange range);

    [LoggerMessage(EventId = 15, Level = LogLevel.Warning, Message = "{Warning}")]
    public static partial void LogDatabaseWarning(this ILogger journal, string warning);

    [LoggerMessage(EventId = 16, Level = LogLevel.Information, Message = "health at {Address}/healthz and {Address}/readyz")]
    public static partial void LogManagement(this ILogger journal, string address);

    [LoggerMessage(EventId = 19, Level = LogLevel.Warning, Message = "the service manager at {NotifySocket} (NOTIFY_SOCKET) cannot be told that the server is {State}: {Error}; unset the variable if there is none")]
    public static partial void LogManagerNotTold(this ILogger journal, string? notifySocket, string state, SocketError error);

    [LoggerMessage(EventId = 20, Level = LogLevel.Information, Message = "{Path} from {Remote} refused: {Problem}")]
    public static partial void LogRefused(this ILogger journal, ForeignText path, IPAddress? remote, ForeignText problem);

    [LoggerMessage(EventId = 21, Level = LogLevel.Information, Message = "the client certificate of {Subject} was refused: {Problem}")]
    public static partial void LogCertificateRefused(this ILogger journal, ForeignText subject, string problem);

    [LoggerMessage(EventId = 22, Level = LogLevel.Information, Message = "{Files} changed, and is in force")]
    public static partial void LogReloaded(this ILogger journal, string files);

    [LoggerMessage(EventId = 23, Level = LogLevel.Warning, Message = "{Files} changed, and cannot be used: what it said before stays in force: {Problem}")]
    public static partial void LogKept(this ILogger journal, string files, string problem);

    [LoggerMessage(EventId = 40, Level = LogLevel.Warning, Message = "{Reason}")]
    public static partial void LogConnectionLimit(this ILogger journal, string reason);

    [LoggerMessage(EventId = 41, Level = LogLevel.Warning, Message = "the limit of {Limit} connections is reached: the oldest that have made no permitted call are closed to make room, such as one from {Remote}; find out who opens them, or raise Log:ConnectionLimit")]
    public static partial void LogConnectionsExhausted(this ILogger journal, int limit, EndPoint? remote);

    [LoggerMessage(EventId = 42, Level = LogLevel.Information, Message = "connection from {Remote} closed: its TLS handshake did not offer HTTP/2 (ALPN h2)")]
    public static partial void LogNotHttp2(this ILogger journal, EndPoint? remote);

    [LoggerMessage(EventId = 43, Level = LogLevel.Information, Message = "{Count} more of {Kind} in the last minute")]
    public static partial void LogLeftOut(this ILogger journal, long count, StrangerEvent kind);

    [LoggerMessage(EventId = 44, Level = LogLevel.Warning, Message = "no connection can be accepted: {Error}; those that there are go on, and others are accepted once the process has file descriptors again: raise its limit (ulimit -n, LimitNOFILE=) or the system's (fs.file-max), or lower Log:ConnectionLimit")]
    public static partial void LogNoDescriptor(this ILogger journal, string error);

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

    [LoggerMessage(EventId = 24, Level = LogLevel.Information, Message = "settings from {File}")]
    public static partial void LogSettingsFile(this ILogger journal, string file);

    [LoggerMessage(EventId = 25, Level = LogLevel.Information, Message = "reload requested: {Files} sets of files looked at, {Changes} changed and in force; settings are read at the start only")]
    public static partial void LogReloadRequested(this ILogger journal, int files, int changes);
}
