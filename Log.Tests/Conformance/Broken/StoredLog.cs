using System.Buffers.Binary;
using LogKit.InMemory;

namespace LogKit.Tests.Conformance.Broken;

/// <summary>How a <see cref="StoredLog"/> is broken.</summary>
internal enum Flaw
{
    None,
    StoresRecordByRecord,
    KeepsItsLock,
    LosesTheLastBatchAtClose,
    AddsARecordAtReopening,
    AcknowledgesBeforeTheFlush,
    ShowsBeforeTheFlush,
    AcceptsATornTail,
    RefusesATornTail,
    IgnoresTheChecksum,
    SkipsDamage,
    ForgetsTruncation,
    ForgetsTruncationInAFault,
    PretendsToWriteInAFault,
    StaysUnavailableAfterAFault,
    HasNoLimit,
}

/// <summary>
/// The correct log that the broken ones are made from: the in-memory log behind a <see cref="Store"/> of checksummed frames, so that it has
/// all capabilities. Storage is broken here, by a flaw; everything else by decorators.
/// </summary>
internal sealed class StoredLog : ITruncatableLog
{
    public const int BatchLimitBytes = 160 * 1024;

    private const int HeaderBytes = 17;
    private const byte BatchFrame = 1;
    private const byte TruncationFrame = 2;
    private const byte SealFrame = 3;

    private readonly Store _store;
    private readonly Flaw _flaw;
    private readonly Pause _pause = new();
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly InMemoryLog _log;
    private Exception? _failure;
    private bool _isDisposed;

    private StoredLog(Store store, Flaw flaw)
    {
        _store = store;
        _flaw = flaw;
        _log = new InMemoryLog(
            new InMemoryLogOptions
            {
                StartOffset = store.StartOffset,
                BatchLimitBytes = flaw is Flaw.HasNoLimit ? int.MaxValue : BatchLimitBytes,
            });
    }

    public bool AppendsInCallOrder => true;

    public static async Task<StoredLog> OpenAsync(Store store, Flaw flaw)
    {
        store.Recover();
        if (store.IsLocked)
        {
            store.IsLocked = false; // for the next try
            throw new LogUnavailableException("the log is in use");
        }

        store.IsLocked = true;
        var log = new StoredLog(store, flaw);
        await log.RecoverAsync();
        return log;
    }

    /// <summary>How many bytes of a store its batches take: all but the seal.</summary>
    public static int StoredBytesOf(Store store) => store.Content.Length - (IsSealed(store.Content) ? HeaderBytes : 0);

    public async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        await _turn.WaitAsync(CancellationToken.None);
        try
        {
            var range = await _log.GetRangeAsync(cancellationToken);
            if (_failure is not null)
                throw _flaw is Flaw.StaysUnavailableAfterAFault
                    ? new LogUnavailableException(_failure)
                    : new LogReadOnlyException(_failure);
            var isRefused =
                batch.Count == 0
                || (batch.SizeBytes > BatchLimitBytes && _flaw is not Flaw.HasNoLimit)
                || (expectedOffset is { } expected && expected != range.NextOffset);
            if (isRefused)
                return await _log.AppendBatchAsync(batch, expectedOffset, cancellationToken); // which says why
            if (_flaw is Flaw.ShowsBeforeTheFlush)
            {
                await _log.AppendBatchAsync(batch, null, CancellationToken.None);
                await _pause.UntilCallAsync();
            }

            WriteBatch(range.NextOffset, batch);
            return _flaw is Flaw.ShowsBeforeTheFlush ? range.NextOffset : await _log.AppendBatchAsync(batch, null, CancellationToken.None);
        }
        finally
        {
            _turn.Release();
        }
    }

    public ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        _pause.Call();
        return _log.ReadBatchAsync(offset, cancellationToken);
    }

    public ValueTask<IReadOnlyList<RecordBatch>> ReadBatchesAsync(
        ulong offset, int limitBytes, CancellationToken cancellationToken = default)
    {
        _pause.Call();
        return _log.ReadBatchesAsync(offset, limitBytes, cancellationToken);
    }

    public ValueTask<LogRange> GetRangeAsync(CancellationToken cancellationToken = default) => _log.GetRangeAsync(cancellationToken);

    public ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default) =>
        _log.WaitForAppendAsync(offset, cancellationToken);

    public async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        await _log.TruncateBeforeAsync(offset, cancellationToken);
        if (_flaw is not Flaw.ForgetsTruncation)
            Write(Frame(TruncationFrame, offset, []));
    }

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync(); // an append that has begun ends first
        await _log.DisposeAsync();
        if (!_isDisposed)
        {
            _isDisposed = true;
            try
            {
                _store.Write(Frame(SealFrame, 0, []));
                _store.Flush();
            }
            catch (IOException)
            {
                // It crashed, or is broken: the next opening finds no seal.
            }

            _store.IsLocked = _flaw is Flaw.KeepsItsLock;
        }

        _turn.Release();
    }

    private void WriteBatch(ulong offset, RecordBatch batch)
    {
        if (_flaw is not Flaw.StoresRecordByRecord)
        {
            Write(Frame(BatchFrame, offset, batch.Encoded.Span));
            return;
        }

        for (var i = 0; i < batch.Count; i++)
            Write(Frame(BatchFrame, offset + (ulong)i, new RecordBatch(batch[i]).Encoded.Span));
    }

    private void Write(byte[] frame)
    {
        try
        {
            _store.Write(frame);
            if (_flaw is not Flaw.AcknowledgesBeforeTheFlush)
                _store.Flush();
        }
        catch (IOException exception)
        {
            if (_flaw is Flaw.PretendsToWriteInAFault)
                return;
            (_failure, _store.HasFailed) = (exception, true);
            throw new AppendOutcomeUnknownException(exception);
        }
    }

    /// <summary>Reads the frames. In a store that was closed well, all of them must be sound; otherwise the last may be torn.</summary>
    private async Task RecoverAsync()
    {
        var content = _store.Content;
        var isSealed = IsSealed(content);
        var end = isSealed ? content.Length - HeaderBytes : content.Length;
        var start = _store.StartOffset;
        var last = 0;
        var position = 0;
        while (position < end)
        {
            var length = end - position < HeaderBytes ? int.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(position));
            var isWhole = length <= end - position - HeaderBytes;
            if (!isWhole || (!IsSound(content.AsSpan(position, HeaderBytes + (int)length)) && _flaw is not Flaw.IgnoresTheChecksum))
            {
                if (_flaw is Flaw.SkipsDamage && isWhole)
                {
                    position += HeaderBytes + (int)length;
                    continue;
                }

                if ((isSealed && _flaw is not Flaw.SkipsDamage) || _flaw is Flaw.RefusesATornTail)
                    throw new RecordCorruptException((await _log.GetRangeAsync()).NextOffset);
                if (_flaw is Flaw.AcceptsATornTail)
                    await _log.AppendBatchAsync(RecordBatch.OfText("torn"));
                break;
            }

            last = position;
            var offset = BinaryPrimitives.ReadUInt64LittleEndian(content.AsSpan(position + 9));
            var payload = content.AsMemory(position + HeaderBytes, (int)length);
            if (content[position + 8] is TruncationFrame)
                start = _flaw is Flaw.ForgetsTruncationInAFault && _store.HasFailed ? start : Math.Max(start, offset);
            else if (!(_flaw is Flaw.LosesTheLastBatchAtClose && isSealed && position + HeaderBytes + length == end))
                await _log.AppendBatchAsync(DecodeAsFarAsItGoes(payload));
            position += HeaderBytes + (int)length;
        }

        if (_flaw is Flaw.AddsARecordAtReopening && position > 0)
            await _log.AppendBatchAsync(RecordBatch.OfText("added"));
        var next = (await _log.GetRangeAsync()).NextOffset;
        await _log.TruncateBeforeAsync(Math.Min(start, next));
        _store.Cut(_flaw is Flaw.LosesTheLastBatchAtClose && isSealed ? last : position);
    }

    private RecordBatch DecodeAsFarAsItGoes(ReadOnlyMemory<byte> payload)
    {
        try
        {
            return RecordBatch.Decode(payload.ToArray());
        }
        catch (FormatException) when (_flaw is Flaw.IgnoresTheChecksum)
        {
            return RecordBatch.OfText("whatever it is");
        }
    }

    private static byte[] Frame(byte kind, ulong offset, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[HeaderBytes + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, (uint)payload.Length);
        frame[8] = kind;
        BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(9), offset);
        payload.CopyTo(frame.AsSpan(HeaderBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), ChecksumOf(frame));
        return frame;
    }

    private static bool IsSound(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt32LittleEndian(frame[4..]) == ChecksumOf(frame);

    private static bool IsSealed(byte[] content) =>
        content.Length >= HeaderBytes && content.AsSpan(^HeaderBytes..).SequenceEqual(Frame(SealFrame, 0, []));

    private static uint ChecksumOf(ReadOnlySpan<byte> frame)
    {
        var checksum = BinaryPrimitives.ReadUInt32LittleEndian(frame) + 2166136261;
        foreach (var value in frame[8..])
            checksum = (checksum ^ value) * 16777619;
        return checksum;
    }
}
