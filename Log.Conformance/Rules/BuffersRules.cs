using LogKit.Conformance.Running;

namespace LogKit.Conformance.Rules;

/// <summary>The rules BUF-xx: who owns which bytes.</summary>
internal static class BuffersRules
{
    [Rule(
        "BUF-01",
        "Changing the input after completion or cancellation does not change what is stored.",
        Why = "Callers reuse their buffers.",
        Without = "Records change after they were written.")]
    public static async Task BUF_01_changing_the_input_after_the_append_does_not_change_what_is_stored(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        foreach (var cancel in (bool[])[false, true])
        {
            var buffer = Batches.Of("mine", "and mine").Encoded.ToArray();
            var batch = RecordBatch.Decode(buffer);
            var before = (await log.GetRangeAsync()).NextOffset;
            if (cancel)
                await Steps.AppendAndCancelAsync(log, check, batch, yields: 0);
            else
                await log.AppendBatchAsync(batch);
            Batches.Overwrite(buffer, (byte)'!');
            if ((await log.GetRangeAsync()).NextOffset == before)
                continue; // it was canceled in time
            check.Same(
                Batches.Of("mine", "and mine"), await log.ReadBatchAsync(before),
                $"the batch whose buffer the caller changed after its append was {(cancel ? "canceled" : "completed")}");
        }
    }

    [Rule(
        "BUF-02",
        "Data that was read does not change through later reads, appends, truncation, or disposal.",
        Why = "Readers keep what they read.",
        Without = "Records change in the hands of the reader.")]
    public static async Task BUF_02_data_that_was_read_does_not_change_later(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
        var read = new List<(RecordBatch Read, RecordBatch Copy)>();
        foreach (var (first, batch) in await Steps.AppendAsync(log, 3, 3, 1))
        {
            for (var i = 0; i < batch.Count; i++)
            {
                var one = await log.ReadBatchAsync(first + (ulong)i);
                read.Add((one, RecordBatch.Decode(one.Encoded.ToArray())));
            }
        }

        RequireUnchanged("further reads");
        for (var i = 0; i < 20; i++)
            await log.AppendBatchAsync(Batches.OfSize(Math.Min(run.Harness.BatchLimitBytes, 16 * 1024)));
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
    }

    [Rule(
        "BUF-03",
        "An append does not change its argument.",
        Why = "The caller may append the same batch again or elsewhere.",
        Without = "Retries store something else.")]
    public static async Task BUF_03_an_append_does_not_change_its_argument(RuleRun run)
    {
        var (log, check) = (await run.OpenAsync(), run.Check);
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
    }
}
