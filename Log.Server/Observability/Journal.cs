using System.Net;
using System.Net.Sockets;
using LogKit.Grpc.Errors;

namespace LogKit.Server.Observability;

/// <summary>
/// The journal entries of the server, with text, level, and number. Operators' alerts depend on the numbers, which never change. No entry
/// contains a secret. The service and the backends have entries of their own.
/// </summary>
internal static partial class Journal
{
    [LoggerMessage(EventId = 10, Level = LogLevel.Information, Message = "LogKit {Version} listening on {Address} ({Security})")]
    public static partial void ServerStarted(this ILogger journal, string version, string address, string security);

    [LoggerMessage(EventId = 13, Level = LogLevel.Information, Message = "stopped")]
    public static partial void LogStopped(this ILogger journal);

    [LoggerMessage(EventId = 16, Level = LogLevel.Information, Message = "health at {Address}/healthz and {Address}/readyz")]
    public static partial void LogManagement(this ILogger journal, string address);

    [LoggerMessage(
        EventId = 19,
        Level = LogLevel.Warning,
        Message = "cannot notify the service manager at {NotifySocket} (NOTIFY_SOCKET) that the server is {State}: {Error}; unset the "
            + "variable if there is none"
    )]
    public static partial void LogManagerNotTold(this ILogger journal, string? notifySocket, string state, SocketError error);

    [LoggerMessage(EventId = 20, Level = LogLevel.Information, Message = "{Path} from {Remote} refused: {Problem}")]
    public static partial void LogRefused(this ILogger journal, ForeignText path, IPAddress? remote, ForeignText problem);

    [LoggerMessage(EventId = 21, Level = LogLevel.Information, Message = "the client certificate of {Subject} was refused: {Problem}")]
    public static partial void LogCertificateRefused(this ILogger journal, ForeignText subject, string problem);

    [LoggerMessage(EventId = 22, Level = LogLevel.Information, Message = "{Files} changed and is in force")]
    public static partial void LogReloaded(this ILogger journal, string files);

    [LoggerMessage(
        EventId = 23,
        Level = LogLevel.Warning,
        Message = "{Files} changed but can't be used; the previous contents stay in force: {Problem}")]
    public static partial void LogKept(this ILogger journal, string files, string problem);

    [LoggerMessage(EventId = 40, Level = LogLevel.Warning, Message = "{Reason}")]
    public static partial void LogConnectionLimit(this ILogger journal, string reason);

    [LoggerMessage(
        EventId = 41,
        Level = LogLevel.Warning,
        Message = "the limit of {Limit} connections is reached: the oldest ones that have made no permitted call are closed to make room, "
            + "for example one from {Remote}; find out who opens them, or raise Log:ConnectionLimit"
    )]
    public static partial void LogConnectionsExhausted(this ILogger journal, int limit, EndPoint? remote);

    [LoggerMessage(
        EventId = 42,
        Level = LogLevel.Information,
        Message = "connection from {Remote} closed: its TLS handshake did not offer HTTP/2 (ALPN h2)")]
    public static partial void LogNotHttp2(this ILogger journal, EndPoint? remote);

    [LoggerMessage(EventId = 43, Level = LogLevel.Information, Message = "{Count} more of {Kind} in the last minute")]
    public static partial void LogLeftOut(this ILogger journal, long count, StrangerEvent kind);

    [LoggerMessage(
        EventId = 44,
        Level = LogLevel.Warning,
        Message = "no connection can be accepted: {Error}; existing connections continue, and new ones are accepted once the process has "
            + "file descriptors again: raise its limit (ulimit -n, LimitNOFILE=) or the system's (fs.file-max), or lower "
            + "Log:ConnectionLimit"
    )]
    public static partial void LogNoDescriptor(this ILogger journal, string error);

    [LoggerMessage(EventId = 24, Level = LogLevel.Information, Message = "settings from {File}")]
    public static partial void LogSettingsFile(this ILogger journal, string file);

    [LoggerMessage(
        EventId = 25,
        Level = LogLevel.Information,
        Message = "reload requested: {Files} sets of files checked, {Changes} changed and in force; settings are read only at startup")]
    public static partial void LogReloadRequested(this ILogger journal, int files, int changes);
}
