using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>What is done and checked before a log is used, and how it is said what is wrong.</summary>
internal static class Opening
{
    private static readonly Version OldestVersion = new(13, 0);

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
        var hasStandbys = await AskAsync("synchronous_standby_names").ConfigureAwait(false) is not "";
        var warnings = new List<string>();
        foreach (var (name, value, consequence) in hasStandbys ? [.. Weaknesses, .. WeaknessesWithStandbys] : Weaknesses)
        {
            if (await AskAsync(name).ConfigureAwait(false) == value)
                warnings.Add($"the database's setting {name} is {value}: {consequence}");
        }

        return warnings;

        async Task<string?> AskAsync(string name)
        {
            using var query = new NpgsqlCommand("select current_setting($1)", connection);
            query.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
            return await query.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) as string;
        }
    }
}
