using LogKit.Disk;

namespace LogKit.Server.Backends;

/// <summary>The journal entries of the built-in backends. Their numbers never change.</summary>
internal static partial class BackendJournal
{
    [LoggerMessage(EventId = 11, Level = LogLevel.Information, Message = "data in {Directory}: {Recovery}")]
    public static partial void LogDirectory(this ILogger journal, string directory, RecoveryReport recovery);

    [LoggerMessage(EventId = 12, Level = LogLevel.Warning, Message = "data is kept in memory only and is lost when the server stops")]
    public static partial void BackendIsMemory(this ILogger journal);

    [LoggerMessage(EventId = 14, Level = LogLevel.Information, Message = "data in log {Name} of PostgreSQL {Version}: range {Range}")]
    public static partial void LogDatabase(this ILogger journal, string name, Version version, LogRange range);

    [LoggerMessage(EventId = 15, Level = LogLevel.Warning, Message = "{Warning}")]
    public static partial void LogDatabaseWarning(this ILogger journal, string warning);
}
