using LogKit.Postgres.Storage;

namespace LogKit.Postgres.Appends;

/// <summary>
/// A copy of the payloads of a group for a statement. An unanswered statement may continue to send after the appends have ended, when the
/// caller may reuse their memory. Used by one statement at a time, and by none after a statement that was abandoned.
/// </summary>
internal sealed class AppendPayloads
{
    /// <summary>The limit on the buffer that is kept for the next group.</summary>
    private const int KeptLimitBytes = 1024 * 1024;

    private byte[] _buffer = [];

    public int[] Counts { get; private set; } = [];

    public int[] Checksums { get; private set; } = [];

    public ReadOnlyMemory<byte>[] Payloads { get; private set; } = [];

    public void Fill(AppendGroup group)
    {
        var appends = group.Appends;
        (Counts, Checksums, Payloads) = (new int[appends.Count], new int[appends.Count], new ReadOnlyMemory<byte>[appends.Count]);
        if (_buffer.Length < group.SizeBytes)
            _buffer = GC.AllocateUninitializedArray<byte>((int)group.SizeBytes);
        var rest = _buffer.AsMemory();
        for (var i = 0; i < appends.Count; i++)
        {
            var batch = appends[i].Batch;
            batch.Encoded.CopyTo(rest);
            Payloads[i] = rest[..batch.SizeBytes];
            Counts[i] = batch.Count;
            Checksums[i] = BatchChecksum.Of(batch.Count, Payloads[i].Span);
            rest = rest[batch.SizeBytes..];
        }
    }

    public void Clear()
    {
        Payloads = [];
        if (_buffer.Length > KeptLimitBytes)
            _buffer = [];
    }
}
