namespace LogKit.Postgres.Storage;

/// <summary>
/// Ties the checksum of a batch to its log and offset, so that a row that was moved or copied is detected as damage. The checksum itself is
/// computed before the offset is known; this one is computed by the database.
/// </summary>
internal static class PlaceChecksum
{
    public static long Of(long logId, long firstOffset, int checksum) => firstOffset ^ (logId << 32) ^ ((long)checksum << 16);

    /// <summary>The same in SQL.</summary>
    public static string Sql(string logId, string firstOffset, string checksum) =>
        $"({firstOffset}) # ({logId} << 32) # ({checksum}::bigint << 16)";
}
