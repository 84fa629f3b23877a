namespace LogKit.Postgres;

/// <summary>What was found when the log was opened, for the journal of the host.</summary>
/// <param name="ServerVersion">The version of the database server.</param>
/// <param name="Range">The range of the log.</param>
/// <param name="Warnings">
/// Settings of the server that weaken durability, one line each. Empty on a properly configured server.
/// </param>
public sealed record PostgresLogReport(Version ServerVersion, LogRange Range, IReadOnlyList<string> Warnings);
