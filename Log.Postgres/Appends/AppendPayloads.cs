using LogKit.Postgres.Storage;

namespace LogKit.Postgres.Appends;

/// <summary>
/// What a statement sends of a group: a copy. A statement that is not answered may go on sending after the appends have ended, and
/// then their memory is the caller's again. One statement at a time uses it, and none after one that was left to itself.
/// </summary>
internal sealed class AppendPayloads
{
    /// <summary>The largest buffer that is kept for the next group.</summary>
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
