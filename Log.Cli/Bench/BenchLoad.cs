namespace LogKit.Cli.Bench;

/// <summary>The load, and its duration.</summary>
/// <param name="Producers">The number of concurrent producers.</param>
/// <param name="BatchRecords">The number of records per append.</param>
/// <param name="RecordBytes">The size of a record, in bytes.</param>
/// <param name="IsStream">Whether each producer pipelines its appends in one stream, instead of awaiting each answer.</param>
/// <param name="InFlight">The limit on unanswered appends of a stream.</param>
/// <param name="Tails">The number of tails.</param>
/// <param name="Warmup">How long to append before measuring.</param>
/// <param name="Duration">How long to measure.</param>
internal sealed record BenchLoad(
    int Producers, int BatchRecords, int RecordBytes, bool IsStream, int InFlight, int Tails, TimeSpan Warmup, TimeSpan Duration)
{
    /// <summary>The limit on the size of an append in the client. The limit of the server is usually lower.</summary>
    private const long LimitBytes = 64 * 1024 * 1024;

    public long BatchBytes => (long)BatchRecords * RecordBytes;

    /// <summary>Creates a batch of incompressible printable bytes.</summary>
    /// <exception cref="BatchTooLargeException">The batch would exceed the limit.</exception>
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
