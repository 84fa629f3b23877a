using System.Globalization;
using System.Text;
using LogKit.Grpc.Errors;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace LogKit.Server.Observability;

/// <summary>
/// The journal for people: one entry per line, <c>TIME LEVEL: CATEGORY[NUMBER] TEXT</c>. Line breaks in the text or exception of an entry
/// are replaced.
/// </summary>
internal sealed class JournalText() : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "journal";

    public const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var line = new StringBuilder(256)
            .Append(DateTime.UtcNow.ToString(TimeFormat, CultureInfo.InvariantCulture))
            .Append(' ')
            .Append(NameOf(logEntry.LogLevel))
            .Append(": ")
            .Append(logEntry.Category)
            .Append('[')
            .Append(logEntry.EventId.Id.ToString(CultureInfo.InvariantCulture))
            .Append("] ")
            .Append(ForeignText.Escaped(logEntry.Formatter(logEntry.State, logEntry.Exception)));
        if (logEntry.Exception is { } exception)
            line.Append(' ').Append(ForeignText.Escaped(exception.ToString().ReplaceLineEndings(" ")));
        textWriter.WriteLine(line.ToString());
    }

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };
}
