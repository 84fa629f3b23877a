namespace LogKit.Postgres;

/// <summary>
/// The log cannot be opened, and trying again does not help: a wrong password, a database or a right that is missing, a server or a
/// schema of the wrong version. The message is one line that says which, and holds nothing of the connection string but names.
/// </summary>
public sealed class PostgresLogOpenException(string message, Exception? innerException = null) : LogException(message, innerException);
