namespace LogKit.Cli.Bench;

/// <summary>What a server is loaded with, and for how long.</summary>
/// <param name="Producers">How many append at the same time.</param>
/// <param name="BatchRecords">The records of an append.</param>
/// <param name="RecordBytes">The bytes of a record.</param>
/// <param name="IsStream">Whether a producer sends ahead in one stream, instead of awaiting each append's answer.</param>
/// <param name="InFlight">How many appends a stream is ahead of their answers at most.</param>
/// <param name="Tails">How many follow what is appended.</param>
/// <param name="Warmup">How long appends are made before they count.</param>
/// <param name="Duration">How long appends are made that count.</param>
internal sealed record BenchLoad(
    int Producers, int BatchRecords, int RecordBytes, bool IsStream, int InFlight, int Tails, TimeSpan Warmup, TimeSpan Duration)
{
    /// <summary>What the client holds in memory of an append, at most; the server's own limit is lower as a rule.</summary>
    private const long LimitBytes = 64 * 1024 * 1024;

    public long BatchBytes => (long)BatchRecords * RecordBytes;

    /// <summary>A batch of printable bytes that no compression makes small.</summary>
    /// <exception cref="BatchTooLargeException">It would be too large to be held.</exception>
    public RecordBatch CreateBatch()
    {
        if (BatchBytes > LimitBytes)
            throw new BatchTooLargeException(BatchBytes, LimitBytes);
        var random = new Random(0);
        var records = new Record[BatchRecords];
        for (var i = 0; i < records.Length; i++)
            records[i] = new Record(random.GetItems("abcdefghijklmnopqrstuvwxyz0123456789"u8, RecordBytes));
        return new RecordBatch(records);
    }
}
