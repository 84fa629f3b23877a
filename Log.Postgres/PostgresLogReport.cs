namespace LogKit.Postgres;

/// <summary>What was found when the log was opened: for the host's journal.</summary>
/// <param name="ServerVersion">The version of the database server.</param>
/// <param name="Range">What the log held.</param>
/// <param name="Warnings">
/// One line each: the settings of the server that make an acknowledgement worth less than it should be. None on a sound server.
/// </param>
public sealed record PostgresLogReport(Version ServerVersion, LogRange Range, IReadOnlyList<string> Warnings);
