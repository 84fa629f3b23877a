using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>What is done and checked before a log is used, and how it is said what is wrong.</summary>
internal static class Opening
{
    private static readonly Version OldestVersion = new(13, 0);

    private const string StandbyNames = "synchronous_standby_names";

    /// <summary>What each setting should not be, and what an acknowledgement is worth when it is.</summary>
    private static readonly (string Name, string Value, string Consequence)[] Weaknesses =
    [
        ("fsync", "off", "a power cut or a crash of the system may damage the database and lose what was acknowledged"),
        ("full_page_writes", "off", "a power cut may damage the database"),
        ("synchronous_commit", "off", "a crash of the database may lose what was acknowledged"),
    ];

    /// <summary>The same, where there are synchronous standbys, which an acknowledged append should have reached.</summary>
    private static readonly (string Name, string Value, string Consequence)[] WeaknessesWithStandbys =
    [
        ("synchronous_commit", "local", "a failover may lose what was acknowledged, though there are synchronous standbys"),
        ("synchronous_commit", "remote_write", "a failover to a standby whose system has crashed may lose what was acknowledged"),
    ];

    /// <summary>Makes the schema, and tells the server's version and what is weak about its settings.</summary>
    public static Task<(Version Version, IReadOnlyList<string> Warnings)> PrepareAsync(
        Database database, PostgresLogOptions options, CancellationToken cancellationToken) => database.RunAsync(
        async (connection, token) =>
        {
            var version = connection.PostgreSqlVersion;
            if (version < OldestVersion)
                throw new PostgresLogOpenException($"the database server is PostgreSQL {version}: the oldest that will do is {OldestVersion.Major}");
            await Schema.EnsureAsync(connection, options.SchemaName, token).ConfigureAwait(false);
            return (version, await FindWeaknessesAsync(connection, token).ConfigureAwait(false));
        },
        cancellationToken);

    /// <summary>What keeps the log from being opened, where trying again would not help.</summary>
    public static LogException Explain(Database database, PostgresLogOptions options, LogUnavailableException failure)
    {
        if (failure.InnerException is not PostgresException cause || Database.MayPass(cause))
            return failure;
        return new PostgresLogOpenException(
            cause.SqlState switch
            {
                PostgresErrorCodes.InvalidPassword => $"the database refuses the password of user \"{database.User}\"",
                PostgresErrorCodes.InvalidAuthorizationSpecification => $"the database lets user \"{database.User}\" not log in: {cause.MessageText}",
                PostgresErrorCodes.InvalidCatalogName => $"there is no database \"{database.Name}\"",
                PostgresErrorCodes.InsufficientPrivilege =>
                    $"user \"{database.User}\" lacks a right that schema \"{options.SchemaName}\" of database \"{database.Name}\" takes: {cause.MessageText}",
                _ => $"the database refuses to open the log: {cause.MessageText}",
            },
            cause);
    }

    private static async Task<IReadOnlyList<string>> FindWeaknessesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        string[] names = [StandbyNames, .. Weaknesses.Concat(WeaknessesWithStandbys).Select(weakness => weakness.Name).Distinct(StringComparer.Ordinal)];
        var settings = await AskAsync().ConfigureAwait(false);
        var applying = settings[StandbyNames].Length > 0 ? [.. Weaknesses, .. WeaknessesWithStandbys] : Weaknesses;
        return
        [
            .. applying.Where(weakness => settings[weakness.Name] == weakness.Value)
                .Select(weakness => $"the database's setting {weakness.Name} is {weakness.Value}: {weakness.Consequence}"),
        ];

        async Task<Dictionary<string, string>> AskAsync()
        {
            var values = new Dictionary<string, string>(StringComparer.Ordinal);
            using var query = new NpgsqlCommand("select name, current_setting(name) from unnest($1) as name", connection);
            query.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = names });
            var reader = await query.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using var closing = reader.ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                values[reader.GetString(0)] = reader.GetString(1);
            return values;
        }
    }
}
