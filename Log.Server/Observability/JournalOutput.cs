using Microsoft.Extensions.Logging.Console;

namespace LogKit.Server.Observability;

/// <summary>The format of a line of the journal.</summary>
internal enum JournalFormat
{
    /// <summary>For people: time, level, category, and text.</summary>
    Text,

    /// <summary>For programs: one JSON object per line, with the values of the entry in <c>State</c>.</summary>
    Json,
}

/// <summary>Configures where the journal of the deployable server goes, and which entries of libraries it includes.</summary>
internal static class JournalOutput
{
    private const string LevelSection = "LogLevel";

    /// <summary>Checks the levels of categories. The logging library ignores some mistakes and ends the process for others.</summary>
    /// <param name="overrides">The levels set by the operator.</param>
    /// <exception cref="SettingException">A level is not valid.</exception>
    public static void RequireLevels(IConfigurationSection overrides)
    {
        foreach (var section in overrides.GetChildren())
        {
            var levels = section.GetChildren().ToList();
            if (!section.Key.Equals(LevelSection, StringComparison.OrdinalIgnoreCase) || section.Value is not null)
                throw new SettingException(
                    (levels.FirstOrDefault() ?? section).Path,
                    (levels.FirstOrDefault() ?? section).Value,
                    $"unknown setting: levels are given as {overrides.Key}:{LevelSection}:CATEGORY");
            foreach (var level in levels)
            {
                if (!Enum.GetNames<LogLevel>().Contains(level.Value, StringComparer.OrdinalIgnoreCase))
                    throw new SettingException(
                        level.Path,
                        level.Value ?? "",
                        $"must be {string.Join(", ", Enum.GetNames<LogLevel>()[..^1])} or {nameof(LogLevel.None)}");
            }
        }
    }

    /// <summary>Writes the journal to standard output only, one entry per line.</summary>
    /// <param name="logging">The logging of the host.</param>
    /// <param name="format">The format of a line.</param>
    /// <param name="overrides">The levels set by the operator, by category. They take precedence.</param>
    public static void AddJournal(this ILoggingBuilder logging, JournalFormat format, IConfiguration overrides)
    {
        logging.ClearProviders();
        if (format is JournalFormat.Json)
        {
            logging.AddJsonConsole(console =>
            {
                console.TimestampFormat = JournalText.TimeFormat;
                console.UseUtcTimestamp = true;
            });
            // Under systemd, too.
            logging.Services.PostConfigure<ConsoleLoggerOptions>(console => console.FormatterName = ConsoleFormatterNames.Json);
        }
        else
        {
            logging
                .AddConsole(console => console.FormatterName = JournalText.FormatterName)
                .AddConsoleFormatter<JournalText, ConsoleFormatterOptions>();
        }

        logging.AddFilter("Microsoft", LogLevel.Warning);
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None); // a failed start is reported in one line
        logging.AddFilter("Grpc", LogLevel.None); // ErrorBoundary reports failures; a client that resets its call is not an error

        // It reports nothing at these levels, but while enabled it creates an activity and a scope for each call.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);

        // Its only entry at these levels is Critical, for a connection with too many pending resets, which Kestrel has then closed. Any
        // client can cause it, as often as it likes, so it would fill the journal and wake people up for nothing.
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.Http2", LogLevel.None);
        logging.AddConfiguration(overrides);
    }
}
