using System.Threading.Channels;

namespace LogKit.Client.Producing;

/// <summary>
/// The records of a producer, in the order of the calls: those that wait for space, those that wait to be sent, and the size of all that
/// are accepted and not completed. Any thread adds records; one consumer takes them.
/// </summary>
internal sealed class RecordQueue(long limitBytes)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<PendingRecord> _waiting = []; // under _gate: for space in the queue
    private readonly LinkedList<PendingRecord> _accepted = []; // under _gate: and not sent yet
    private readonly HashSet<PendingRecord[]> _taken = []; // under _gate: sent, or about to be, and not finished
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private bool _isAwaited; // set under _gate, cleared with Volatile: the consumer found nothing and waits for a change
    private long _heldBytes; // under _gate: of all records that are accepted and not finished
    private Exception? _closed; // set once under _gate: why the queue takes no more records

    /// <exception cref="Exception">The reason that the queue was closed with.</exception>
    public void Add(PendingRecord record)
    {
        lock (_gate)
        {
            if (_closed is not null)
                throw _closed;
            _waiting.AddLast(record.Place);
            AdmitLocked();
        }

        Signal();
    }

    /// <summary>Withdraws a record if it has not been sent.</summary>
    public void Withdraw(PendingRecord record)
    {
        lock (_gate)
        {
            if (record.Place.List is not { } list)
                return;
            list.Remove(record.Place);
            if (list == _accepted)
                _heldBytes -= record.SizeBytes;
            AdmitLocked();
        }

        record.Accept();
        record.Offset.TrySetCanceled(record.CancellationToken);
        Signal();
    }

    /// <summary>Returns records that were taken but not sent to the front of the queue.</summary>
    public void PutBack(PendingRecord[] records)
    {
        lock (_gate)
        {
            _taken.Remove(records);
            for (var i = records.Length - 1; i >= 0; i--)
                _accepted.AddFirst(records[i].Place);
        }

        foreach (var record in records.Where(record => record.CancellationToken.IsCancellationRequested))
            Withdraw(record); // was requested while the record was taken
        Signal();
    }

    /// <summary>Completes with true once there is a record to take, or with false once there will be none.</summary>
    public async ValueTask<bool> WaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            lock (_gate)
            {
                if (_accepted.Count > 0)
                    return true;
                if (_closed is not null && _waiting.Count == 0)
                    return false;
                _isAwaited = true;
            }

            await _changed.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Takes as many records as fit in a batch; empty only if there are none.</summary>
    public PendingRecord[] Take(long batchLimitBytes)
    {
        var taken = new List<PendingRecord>();
        lock (_gate)
        {
            while (_accepted.First is { Value: var record } && (taken.Count == 0 || record.SizeBytes <= batchLimitBytes))
            {
                _accepted.RemoveFirst();
                batchLimitBytes -= record.SizeBytes;
                taken.Add(record);
            }

            PendingRecord[] records = [.. taken];
            _taken.Add(records);
            return records;
        }
    }

    /// <summary>
    /// Fails records that were added before a time. Those not sent never will be; the answers to those sent are ignored.
    /// </summary>
    /// <param name="addedBeforeMs">The time, as in <see cref="PendingRecord.AddedAtMs"/>.</param>
    /// <param name="ofQueued">Makes the exception for records that were not sent.</param>
    /// <param name="ofSent">Makes the exception for records that were sent.</param>
    public void Expire(long addedBeforeMs, Func<Exception> ofQueued, Func<Exception> ofSent)
    {
        List<PendingRecord> queued = [];
        List<PendingRecord> sent = [];
        lock (_gate)
        {
            TakeExpiredLocked(_accepted);
            _heldBytes -= queued.Sum(record => record.SizeBytes);
            TakeExpiredLocked(_waiting);
            sent.AddRange(
                _taken.SelectMany(records => records).Where(record => record.AddedAtMs < addedBeforeMs && !record.Offset.Task.IsCompleted));
            AdmitLocked();
        }

        foreach (var record in queued)
        {
            record.Accept();
            record.Offset.TrySetException(ofQueued());
        }

        foreach (var record in sent)
            record.Offset.TrySetException(ofSent());
        Signal();

        void TakeExpiredLocked(LinkedList<PendingRecord> list)
        {
            while (list.First is { Value: var record } && record.AddedAtMs < addedBeforeMs) // the oldest is in front
            {
                list.RemoveFirst();
                queued.Add(record);
            }
        }
    }

    /// <summary>Frees the space of records that are completed.</summary>
    public void Finish(PendingRecord[] records)
    {
        lock (_gate)
        {
            _taken.Remove(records);
            foreach (var record in records)
                _heldBytes -= record.SizeBytes;
            AdmitLocked();
        }

        Signal();
    }

    /// <summary>The tasks of all records that are not completed.</summary>
    public Task[] Unfinished()
    {
        lock (_gate)
            return [.. _taken.SelectMany(records => records).Concat(_accepted).Concat(_waiting).Select(record => record.Offset.Task)];
    }

    /// <summary>Refuses further records. Those already added will still be sent.</summary>
    public void Close(Exception reason)
    {
        lock (_gate)
            _closed ??= reason;
        Signal();
    }

    /// <summary>Refuses further records, and fails those that are not sent.</summary>
    public void Fail(Exception reason)
    {
        PendingRecord[] failed;
        lock (_gate)
        {
            _closed ??= reason;
            failed = [.. _accepted, .. _waiting];
            _heldBytes -= _accepted.Sum(record => record.SizeBytes);
            _accepted.Clear();
            _waiting.Clear();
        }

        foreach (var record in failed)
        {
            record.Accept();
            record.Offset.TrySetException(reason);
        }

        Signal();
    }

    private void AdmitLocked()
    {
        while (_waiting.First is { Value: var record } && (_heldBytes == 0 || _heldBytes + record.SizeBytes <= limitBytes))
        {
            _waiting.RemoveFirst();
            _accepted.AddLast(record.Place);
            _heldBytes += record.SizeBytes;
            record.Accept();
        }
    }

    private void Signal()
    {
        if (Volatile.Read(ref _isAwaited))
        {
            Volatile.Write(ref _isAwaited, false);
            _changed.Writer.TryWrite(true);
        }
    }
}
