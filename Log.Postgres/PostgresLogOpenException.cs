namespace LogKit.Postgres;

/// <summary>
/// The log cannot be opened, and a retry does not help: for example, a wrong password, a missing database or privilege, or an unsupported
/// version of the server or schema. The message says which, in one line, and contains nothing of the connection string but names.
/// </summary>
public sealed class PostgresLogOpenException(string message, Exception? innerException = null) : LogException(message, innerException);
