namespace LogKit.Postgres.Storage;

/// <summary>
/// Ties a batch's checksum to the log and the offset that the batch was appended at, so that a row that was moved or copied to another
/// place is seen to be damaged. The checksum itself is computed before the offset is known; this is computed by the database.
/// </summary>
internal static class PlaceChecksum
{
    public static long Of(long logId, long firstOffset, int checksum) => firstOffset ^ (logId << 32) ^ ((long)checksum << 16);

    /// <summary>The same in SQL.</summary>
    public static string Sql(string logId, string firstOffset, string checksum) =>
        $"({firstOffset}) # ({logId} << 32) # ({checksum}::bigint << 16)";
}
