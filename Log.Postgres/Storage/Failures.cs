using System.Data.Common;
using System.Net.Sockets;
using Npgsql;

namespace LogKit.Postgres.Storage;

/// <summary>What a failure of the database means to a log.</summary>
internal static class Failures
{
    /// <summary>Why a server that is in the way of prepared statements, or of sessions, cannot be used.</summary>
    public const string SharedSessions =
        "the connection goes through a pooler that shares sessions between transactions, such as PgBouncer with pool_mode=transaction: "
        + "connect to PostgreSQL directly, or set pool_mode=session for this database";

    /// <summary>What keeps a database that was reached from taking writes, and how to name one that does.</summary>
    public const string ReadOnly =
        "the database was reached and is read-only (a standby, or default_transaction_read_only is on): connect to the primary, "
        + "or list all hosts in the connection string and leave out Target Session Attributes, so that the primary is found";

    /// <summary>Whether it is a failure of the database or of the way there.</summary>
    public static bool IsOfDatabase(Exception exception) =>
        exception is DbException or IOException or SocketException or TimeoutException;

    /// <summary>Whether it may be gone when tried again: anything but what somebody has to do something about.</summary>
    public static bool MayPass(Exception exception) =>
        exception is not PostgresException { SqlState: { } state }
        || !(
            state is PostgresErrorCodes.DiskFull or PostgresErrorCodes.InvalidCatalogName
            || IsOfPooler(state)
            || state[..2] is "22" or "23" or "28" or "3F" or "42" or "P0");

    /// <summary>Whether the log itself is missing or out of reach, so that whoever waits for its end waits in vain.</summary>
    public static bool IsOfLog(Exception exception) => exception is LogUnavailableException
    {
        InnerException: MissingRowException or PostgresException { SqlState: ['4', '2', ..] or ['3', 'F', ..] },
    };

    /// <summary>A failure of the database, as a log reports it.</summary>
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

    // A statement that one session prepared is executed in another, which does not have it, or has one of that name.
    private static bool IsOfPooler(string state) =>
        state is PostgresErrorCodes.DuplicatePreparedStatement or PostgresErrorCodes.InvalidSqlStatementName;
}
