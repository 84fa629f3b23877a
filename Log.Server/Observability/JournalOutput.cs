using Microsoft.Extensions.Logging.Console;

namespace LogKit.Server.Observability;

/// <summary>What a line of the journal looks like.</summary>
internal enum JournalFormat
{
    /// <summary>For people: the time, the level, the category, the text.</summary>
    Text,

    /// <summary>For programs: an object a line, with each value of the entry under its name in <c>State</c>.</summary>
    Json,
}

/// <summary>Where the journal of the deployable server goes, and which entries of the libraries below it are in it.</summary>
internal static class JournalOutput
{
    private const string LevelSection = "LogLevel";

    /// <summary>Refuses what is not a level of a category, which the logging library would ignore or stop the process for.</summary>
    /// <param name="overrides">The operator's own levels.</param>
    /// <exception cref="SettingException">Something in it is not.</exception>
    public static void RequireLevels(IConfigurationSection overrides)
    {
        foreach (var section in overrides.GetChildren())
        {
            var levels = section.GetChildren().ToList();
            if (!section.Key.Equals(LevelSection, StringComparison.OrdinalIgnoreCase) || section.Value is not null)
                throw new SettingException(
                    (levels.FirstOrDefault() ?? section).Path,
                    (levels.FirstOrDefault() ?? section).Value,
                    $"there is no such setting: levels are given as {overrides.Key}:{LevelSection}:CATEGORY");
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

    /// <summary>Writes the journal to the standard output, an entry a line, and nowhere else.</summary>
    /// <param name="logging">The host's.</param>
    /// <param name="format">How a line looks.</param>
    /// <param name="overrides">The operator's own levels, by category: they come last.</param>
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
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None); // a failed start is told in one line
        logging.AddFilter("Grpc", LogLevel.None); // ErrorBoundary tells what failed; a client that resets its call is no error

        // It has nothing to tell at these levels; but while it might, each call pays for an activity and a scope.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);

        // Its one entry of such a level is Critical, on a connection with too many resets waiting to be sent; Kestrel has closed it by
        // then. Any client can bring that about, as often as it likes: it would fill the journal, and wake people up, for nothing.
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.Http2", LogLevel.None);
        logging.AddConfiguration(overrides);
    }
}
