using LogKit.Disk;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>
/// Power is lost at every operation of a scripted run, and again at every operation of the recovery that follows. After each loss,
/// acknowledged ⊆ recovered ⊆ submitted, batches are whole, there are no gaps, and everything that a reader saw is still there. Without
/// flushes, a power loss loses only the end of the log, and a kill loses nothing.
/// </summary>
public sealed class PowerLossTests
{
    private const int ImagesPerPoint = 6;

    [Theory]
    [InlineData(ScriptedRun.Sealed)]
    [InlineData(ScriptedRun.SealedLater)]
    [InlineData(ScriptedRun.NeverFlushed)]
    [InlineData(ScriptedRun.Retained)]
    public async Task Power_lost_at_any_operation_loses_nothing_that_was_acknowledged(string flavor)
    {
        var seed = TestSeed.Next();
        var whole = new SimulatedDisk();
        await ScriptedRun.RunAsync(whole, flavor: flavor);
        Assert.True(whole.OperationCount > 60, $"the script has {whole.OperationCount} operations only");

        for (var point = 0; point <= whole.OperationCount; point++)
        {
            var disk = new SimulatedDisk { PowerLossAt = point };
            var run = await ScriptedRun.RunAsync(disk, flavor: flavor);
            for (var image = 0; image < ImagesPerPoint * TestSeed.Effort; image++)
            {
                var random = new Random(TestSeed.Mix(seed, point, image));
                await run.RecoverAsync(disk.AfterPowerLoss(random), $"seed {seed}, power lost at {point}, image {image}\n{disk.Trace}");
            }
        }
    }

    [Theory]
    [InlineData(ScriptedRun.SealedLater)]
    [InlineData(ScriptedRun.NeverFlushed)]
    public async Task Power_lost_at_any_operation_of_the_recovery_loses_nothing(string flavor)
    {
        var seed = TestSeed.Next();
        var whole = new SimulatedDisk();
        await ScriptedRun.RunAsync(whole, flavor: flavor);
        for (var point = 0; point <= whole.OperationCount; point++)
        {
            var disk = new SimulatedDisk { PowerLossAt = point };
            var run = await ScriptedRun.RunAsync(disk, flavor: flavor);
            for (var image = 0; image < TestSeed.Effort; image++)
            {
                // Each point of the recovery starts from the same image.
                var random = () => new Random(TestSeed.Mix(seed, point, image));
                var first = disk.AfterPowerLoss(random());
                await run.RecoverAsync(first, $"seed {seed}, power lost at {point}");
                for (var again = 0; again < first.OperationCount; again++)
                {
                    var second = disk.AfterPowerLoss(random());
                    second.PowerLossAt = again;
                    await ScriptedRun.TryRecoverAsync(second);
                    await run.RecoverAsync(
                        second.AfterPowerLoss(new Random(TestSeed.Mix(seed, point, image, again))),
                        $"seed {seed}, power lost at {point}, again at {again} of the recovery\n{disk.Trace}\nrecovery:\n{second.Trace}");
                }
            }
        }
    }

    [Theory]
    [InlineData(ScriptedRun.Sealed)]
    [InlineData(ScriptedRun.SealedLater)]
    [InlineData(ScriptedRun.NeverFlushed)]
    [InlineData(ScriptedRun.Retained)]
    public async Task A_kill_at_any_operation_loses_nothing_that_was_acknowledged(string flavor)
    {
        var whole = new SimulatedDisk();
        await ScriptedRun.RunAsync(whole, flavor: flavor);
        for (var point = 0; point <= whole.OperationCount; point++)
        {
            var disk = new SimulatedDisk { PowerLossAt = point };
            var run = await ScriptedRun.RunAsync(disk, flavor: flavor);
            await run.RecoverAsync(disk.AfterKill(), $"killed at {point}\n{disk.Trace}", wasKilled: true);
        }
    }

    [Theory]
    [InlineData(ScriptedRun.Sealed)]
    [InlineData(ScriptedRun.SealedLater)]
    [InlineData(ScriptedRun.NeverFlushed)]
    [InlineData(ScriptedRun.Retained)]
    public async Task A_kill_at_any_operation_and_a_later_power_loss_lose_nothing_that_was_acknowledged(string flavor)
    {
        var seed = TestSeed.Next();
        var whole = new SimulatedDisk();
        await ScriptedRun.RunAsync(whole, flavor: flavor);
        for (var point = 0; point <= whole.OperationCount; point++)
        {
            for (var image = 0; image < 3; image++)
            {
                var disk = new SimulatedDisk { PowerLossAt = point };
                var run = await ScriptedRun.RunAsync(disk, flavor: flavor);
                var restarted = disk.AfterKill();
                restarted.PowerLossAt = new Random(TestSeed.Mix(seed, point, image)).Next(12);
                await ScriptedRun.TryRecoverAsync(restarted);
                await run.RecoverAsync(
                    restarted.AfterPowerLoss(new Random(TestSeed.Mix(seed, point, image))),
                    $"seed {seed}, killed at {point}, image {image}\n{disk.Trace}\nrestarted:\n{restarted.Trace}");
            }
        }
    }

    [Theory]
    [InlineData(FlushMode.Always)]
    [InlineData(FlushMode.Never)]
    public async Task An_unfinished_write_is_never_mistaken_for_damage(FlushMode flushMode)
    {
        var seed = TestSeed.Next();
        for (var round = 0; round < 20 * TestSeed.Effort; round++)
        {
            var random = new Random(TestSeed.Mix(seed, round));
            var disk = new SimulatedDisk { Random = random };
            var options = new DiskLogOptions { FlushMode = flushMode, ReserveBytes = random.Next(1, 20_000) };
            var submitted = new Dictionary<ulong, RecordBatch>();
            await using (var log = DiskLog.Open(new SimulatedStorage(disk), options))
            {
                for (var group = random.Next(1, 10); group > 0; group--)
                {
                    var batches = Enumerable.Range(0, random.Next(1, 4)).Select(_ => AnyBatch(random)).ToList();
                    var offsets = await Task.WhenAll(batches.Select(batch => log.AppendBatchAsync(batch).AsTask()));
                    foreach (var (offset, batch) in offsets.Zip(batches))
                        submitted.Add(offset, batch);
                }

                var last = AnyBatch(random);
                submitted.Add((await log.GetRangeAsync()).NextOffset, last);
                if (random.Next(2) == 0)
                    disk.Fault = (_, kind) => kind == OperationKind.Write ? new IOException("input/output error") : null;
                else
                    disk.PowerLossAt = disk.OperationCount + random.Next(3);
                try
                {
                    await log.AppendBatchAsync(last);
                }
                catch (LogException)
                {
                    // The batch was written in part or not at all.
                }

                disk.PowerLossAt = Math.Min(disk.PowerLossAt, disk.OperationCount); // no further operation succeeds
            }

            for (var image = 0; image < 20; image++)
            {
                var context = $"seed {seed}, round {round}, image {image}\n{disk.Trace}";
                var left = disk.AfterPowerLoss(new Random(TestSeed.Mix(seed, round, image)));
                await CheckPrefixAsync(left, submitted, context);
            }

            disk.Fault = (_, _) => null;
            await CheckPrefixAsync(disk.AfterKill(), submitted, $"seed {seed}, round {round}, killed\n{disk.Trace}");
        }
    }

    /// <summary>Returns a batch of random length, sometimes large, with or without zeros.</summary>
    private static RecordBatch AnyBatch(Random random)
    {
        var value = new byte[random.Next(30) == 0 ? 300_000 : random.Next(3) == 0 ? random.Next(40) : random.Next(4000)];
        var lowest = random.Next(-1000, 250); // for only zeros, some zeros, or none
        for (var i = 0; i < value.Length; i++)
            value[i] = (byte)Math.Max(0, random.Next(lowest, 256));
        return new RecordBatch([.. Enumerable.Repeat(new Record(value), random.Next(1, 3))]);
    }

    private static async Task CheckPrefixAsync(SimulatedDisk disk, Dictionary<ulong, RecordBatch> submitted, string context)
    {
        try
        {
            await using var log = DiskLog.Open(new SimulatedStorage(disk), new DiskLogOptions { ReserveBytes = 4096 });
            for (var offset = 0ul; offset < log.Recovery.Range.NextOffset;)
            {
                var batch = await log.ReadBatchAsync(offset);
                var isTheSame = batch.Encoded.Span.SequenceEqual(submitted[offset].Encoded.Span);
                Assert.True(isTheSame, $"{context}\nat {offset} there is another batch");
                offset += (ulong)batch.Count;
            }
        }
        catch (LogDamagedException exception)
        {
            Assert.Fail($"{context}\nthe log does not open: {exception.Message}");
        }
    }
}
