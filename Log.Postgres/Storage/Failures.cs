using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>Classifies and translates failures of the database.</summary>
internal static class Failures
{
    /// <summary>Why a pooler that shares sessions cannot be used.</summary>
    public const string SharedSessions =
        "the connection goes through a pooler that shares sessions between transactions, such as PgBouncer with pool_mode=transaction: "
        + "connect to PostgreSQL directly, or set pool_mode=session for this database";

    /// <summary>Why a database that was reached refuses writes, and how to specify one that accepts them.</summary>
    public const string ReadOnly =
        "the database was reached and is read-only (a standby, or default_transaction_read_only is on): connect to the primary, "
        + "or list all hosts in the connection string and leave out Target Session Attributes, so that the primary is found";

    /// <summary>Whether it is a failure of the database or of the connection.</summary>
    public static bool IsOfDatabase(Exception exception) =>
        exception is DbException or IOException or SocketException or TimeoutException;

    /// <summary>Whether a retry may succeed, that is, whether it needs no intervention.</summary>
    public static bool MayPass(Exception exception) =>
        exception is not PostgresException { SqlState: { } state }
        || !(
            state is PostgresErrorCodes.DiskFull or PostgresErrorCodes.InvalidCatalogName
            || IsOfPooler(state)
            || state[..2] is "22" or "23" or "28" or "3F" or "42" or "P0");

    /// <summary>Whether the log itself is missing or inaccessible, so that waiting for its end is pointless.</summary>
    public static bool IsOfLog(Exception exception) => exception is LogUnavailableException
    {
        InnerException: MissingRowException or PostgresException { SqlState: ['4', '2', ..] or ['3', 'F', ..] },
    };

    /// <summary>Translates a failure of the database to an exception of the contract.</summary>
    public static LogException Translate(Exception exception) => exception switch
    {
        LogException failure => failure,
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => new LogFullException(exception),
        PostgresException { SqlState: PostgresErrorCodes.ReadOnlySqlTransaction } => new LogUnavailableException(ReadOnly, exception),
        PostgresException { SqlState: var state } when IsOfPooler(state) => new LogUnavailableException(SharedSessions, exception),
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } =>
            new LogUnavailableException("the database user lacks a right on the log's tables: grant it", exception),
        PostgresException { SqlState: ['4', '2', ..] or ['3', 'F', ..] } =>
            new LogUnavailableException("the log's tables are missing from the database, or were changed: restore the schema", exception),
        _ => new LogUnavailableException(exception),
    };

    // A statement that was prepared in one session is executed in another, which lacks it or has another of the same name.
    private static bool IsOfPooler(string state) =>
        state is PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName;
}
