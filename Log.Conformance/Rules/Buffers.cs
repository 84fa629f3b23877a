// The rules BUF-xx: who owns which bytes.

namespace LogKit.Conformance;

public abstract partial class LogConformance<THarness>
{
    [Rule("BUF-01")]
    public Task BUF_01_changing_the_input_after_the_append_changes_nothing_stored() => RuleAsync(async (log, check) =>
    {
        foreach (var cancel in (bool[])[false, true])
        {
            var buffer = Batches.Of("mine", "and mine").Encoded.ToArray();
            var batch = RecordBatch.Decode(buffer);
            var before = (await log.GetRangeAsync()).NextOffset;
            if (cancel)
                await AppendAndCancelAsync(log, check, batch, yields: 0);
            else
                await log.AppendBatchAsync(batch);
            Batches.Overwrite(buffer, (byte)'!');
            if ((await log.GetRangeAsync()).NextOffset == before)
                continue; // it was canceled in time
            check.Same(
                Batches.Of("mine", "and mine"), await log.ReadBatchAsync(before),
                $"the batch whose buffer the caller changed after its append was {(cancel ? "canceled" : "completed")}");
        }
    });

    [Rule("BUF-02")]
    public Task BUF_02_what_was_read_stays_as_it_was_through_all_that_follows() => RuleAsync(async (log, check) =>
    {
        var read = new List<(RecordBatch Read, RecordBatch Copy)>();
        foreach (var (first, batch) in await AppendAsync(log, 3, 3, 1))
        {
            for (var i = 0; i < batch.Count; i++)
            {
                var one = await log.ReadBatchAsync(first + (ulong)i);
                read.Add((one, RecordBatch.Decode(one.Encoded.ToArray())));
            }
        }

        RequireUnchanged("further reads");
        for (var i = 0; i < 20; i++)
            await log.AppendBatchAsync(Batches.OfSize(Math.Min(Harness.BatchLimitBytes, 16 * 1024)));
        RequireUnchanged("further appends");
        if (log is ITruncatableLog truncatable)
            await truncatable.TruncateBeforeAsync((await log.GetRangeAsync()).NextOffset);
        await log.DisposeAsync();
        RequireUnchanged("the disposal of the log");

        void RequireUnchanged(string what)
        {
            foreach (var (batch, copy) in read)
                check.Same(copy, batch, $"a batch that was read, after {what}");
        }
    });

    [Rule("BUF-03")]
    public Task BUF_03_an_append_does_not_change_its_argument() => RuleAsync(async (log, check) =>
    {
        // In the middle of a larger buffer, whose other bytes the log must not touch either.
        var encoded = Batches.Of("a", "", "the argument").Encoded;
        var buffer = Enumerable.Repeat((byte)0xAA, encoded.Length + 16).ToArray();
        encoded.CopyTo(buffer.AsMemory(8));
        var copy = buffer.ToArray();
        await log.AppendBatchAsync(RecordBatch.Decode(buffer.AsMemory(8, encoded.Length)));
        await log.ReadBatchAsync(0);
        var changed = Enumerable.Range(0, buffer.Length).FirstOrDefault(i => buffer[i] != copy[i], -1);
        check.True(
            changed < 0,
            $"expected an append to leave the caller's buffer as it is, but byte {changed - 8} of the batch has changed");
    });
}
