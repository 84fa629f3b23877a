using LogKit.Postgres;

namespace LogKit.Server.Backends;

/// <summary>A log in a PostgreSQL database, which several servers may share: <see cref="PostgresLog"/>.</summary>
public sealed class PostgresBackend : ILogBackend
{
    private static readonly Setting<string?> ConnectionString = Setting.OptionalWords(
        "ConnectionString",
        "the connection string for Backend=Postgres",
        "none, or KEY=VALUE;KEY=VALUE... as in Npgsql; never shown",
        isSecret: true);

    private static readonly Setting<string> LogName = Setting.Words(
        "LogName", "the log in the database to serve; created if needed", "a name of at most 200 characters", "log", lengthLimit: 200);

    /// <inheritdoc/>
    public string Name => "Postgres";

    /// <inheritdoc/>
    public IReadOnlyList<Setting> Settings { get; } =
    [
        ConnectionString, LogName, CommonSettings.BatchLimitBytes, CommonSettings.RetentionLimitBytes, CommonSettings.RetentionLimitHours,
    ];

    /// <inheritdoc/>
    public async ValueTask<OpenedLog> OpenAsync(SettingValues settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var name = settings.Get(LogName);
        var connectionString = settings.Get(ConnectionString)
            ?? throw settings.Wrong(ConnectionString, "is missing: Log:Backend=Postgres requires it");
        try
        {
            var log = await PostgresLog.OpenAsync(new PostgresLogOptions
            {
                ConnectionString = connectionString,
                LogName = name,
                BatchLimitBytes = settings.Get(CommonSettings.BatchLimitBytes),
                RetentionLimitBytes = settings.Get(CommonSettings.RetentionLimitBytes),
                RetentionLimitMs = settings.Get(CommonSettings.RetentionLimitHours) * CommonSettings.HourMs,
            });
            return new Opened(log, name);
        }
        catch (LogException exception)
        {
            throw settings.Wrong(ConnectionString, exception.Message.ReplaceLineEndings(" "));
        }
        catch (ArgumentException exception) when (exception.ParamName == nameof(PostgresLogOptions.LogName))
        {
            throw new SettingException(LogName.Key, null, exception.Message); // the value may not be printable
        }
        catch (ArgumentException)
        {
            // The message of the exception may quote it.
            throw settings.Wrong(ConnectionString, "it is not a valid Npgsql connection string");
        }
    }

    private sealed class Opened(PostgresLog log, string name) : OpenedLog(log)
    {
        public override void Report(ILogger journal)
        {
            journal.LogDatabase(name, log.Report.ServerVersion, log.Report.Range);
            foreach (var warning in log.Report.Warnings)
                journal.LogDatabaseWarning(warning);
        }

        // Completes even if the database does not answer.
        public override ValueTask CloseAsync(CancellationToken giveUp) => log.DisposeAsync(giveUp);
    }
}
