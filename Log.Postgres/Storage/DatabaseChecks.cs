using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>Prepares and checks the database when a log is opened, and explains problems.</summary>
internal static class DatabaseChecks
{
    private static readonly Version OldestVersion = new(13, 0);

    private const string StandbyNames = "synchronous_standby_names";
    private const string SynchronousCommit = "synchronous_commit";

    /// <summary>Weak values of settings, and the consequence of each.</summary>
    private static readonly (string Name, string Value, string Consequence)[] Weaknesses =
    [
        ("fsync", "off", "a power failure or system crash can damage the database and lose acknowledged records"),
        ("full_page_writes", "off", "a power failure can damage the database"),
        (SynchronousCommit, "off", "a crash of the database can lose acknowledged records"),
    ];

    /// <summary>The same, if there are synchronous standbys, which acknowledged appends should have reached.</summary>
    private static readonly (string Name, string Value, string Consequence)[] WeaknessesWithStandbys =
    [
        (SynchronousCommit, "local", "a failover can lose acknowledged records, although there are synchronous standbys"),
        (SynchronousCommit, "remote_write", "a failover to a standby whose system has crashed can lose acknowledged records"),
    ];

    /// <summary>Creates the schema. Returns the version of the server and warnings about its settings.</summary>
    public static Task<(Version Version, IReadOnlyList<string> Warnings)> PrepareAsync(
        Database database,
        PostgresLogOptions options,
        CancellationToken cancellationToken
    ) =>
        database.RunAsync(
            async connection =>
            {
                var version = connection.PostgreSqlVersion;
                if (version < OldestVersion)
                    throw new PostgresLogOpenException(
                        $"the database server is PostgreSQL {version}: the oldest supported version is {OldestVersion.Major}");
                if (await Pooler.SharesSessionsAsync(database, connection, options.UnavailableAfter).ConfigureAwait(false))
                    throw new PostgresLogOpenException(Failures.SharedSessions);
                await Schema.EnsureAsync(connection, options.SchemaName).ConfigureAwait(false);
                return (version, await FindWeaknessesAsync(connection).ConfigureAwait(false));
            },
            cancellationToken);

    /// <summary>Explains why the log cannot be opened, if a retry would not help.</summary>
    public static LogException Explain(Database database, PostgresLogOptions options, LogUnavailableException failure)
    {
        if (failure.InnerException is not PostgresException cause)
            return Unreachable(failure);
        if (Failures.MayPass(cause))
            return cause.SqlState == PostgresErrorCodes.ReadOnlySqlTransaction ? failure : Unreachable(failure);
        return new PostgresLogOpenException(
            cause.SqlState switch
            {
                PostgresErrorCodes.InvalidPassword => $"the database refuses the password of user \"{database.User}\"",
                PostgresErrorCodes.InvalidAuthorizationSpecification =>
                    $"the database lets user \"{database.User}\" not log in: {cause.MessageText}",
                PostgresErrorCodes.InvalidCatalogName => $"there is no database \"{database.Name}\"",
                PostgresErrorCodes.InsufficientPrivilege =>
                    $"user \"{database.User}\" lacks a right that schema \"{options.SchemaName}\" of database \"{database.Name}\" takes: "
                        + $"{cause.MessageText}",
                PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName => Failures.SharedSessions,
                PostgresErrorCodes.ProtocolViolation when cause.MessageText.Contains("startup parameter", StringComparison.Ordinal) =>
                    $"a pooler in front of the database, such as PgBouncer, refuses the connection string's options: {cause.MessageText}",
                _ => $"the database refuses to open the log: {cause.MessageText}",
            },
            cause);
    }

    private static LogUnavailableException Unreachable(LogUnavailableException failure) =>
        failure.InnerException is { } cause
            ? new LogUnavailableException($"the database cannot be reached: {cause.Message}", cause)
            : failure;

    private static async Task<IReadOnlyList<string>> FindWeaknessesAsync(NpgsqlConnection connection)
    {
        string[] names =
        [
            StandbyNames,
            .. Weaknesses.Concat(WeaknessesWithStandbys).Select(weakness => weakness.Name).Distinct(StringComparer.Ordinal),
        ];
        var settings = await AskAsync().ConfigureAwait(false);
        var applying = settings[StandbyNames].Length > 0 ? [.. Weaknesses, .. WeaknessesWithStandbys] : Weaknesses;
        return
        [
            .. applying
                .Where(weakness => settings[weakness.Name] == weakness.Value)
                .Select(weakness =>
                    $"the database's setting {weakness.Name} is {weakness.Value}: {weakness.Consequence}{Remedy(weakness.Name)}"),
        ];

        static string Remedy(string name) =>
            name.Equals(SynchronousCommit, StringComparison.Ordinal) ? "; this log's own commits use \"on\" instead" : "";

        async Task<Dictionary<string, string>> AskAsync()
        {
            var values = new Dictionary<string, string>(StringComparer.Ordinal);
            // The defaults of a session, not the values that the log has set in this one.
            using var query = new NpgsqlCommand(
                "select name, coalesce(reset_val, setting) from pg_settings where name = any ($1)", connection);
            query.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = names });
            var reader = await query.ExecuteReaderAsync().ConfigureAwait(false);
            await using var closing = reader.ConfigureAwait(false);
            while (await reader.ReadAsync().ConfigureAwait(false))
                values[reader.GetString(0)] = reader.GetString(1);
            return values;
        }
    }
}
