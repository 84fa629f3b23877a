using LogKit.Tests.Support;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>
/// Power lost at every single operation of a scripted run, and again at every operation of the recovery that follows. After each:
/// acknowledged ⊆ recovered ⊆ submitted, whole batches, no gaps; and what a reader saw is still there. Without flushes, power loses
/// the end of it, and nothing else; a kill loses nothing.
/// </summary>
public sealed class PowerLossTests
{
    private const int ImagesAPoint = 6;

    [Theory]
    [InlineData(ScriptedRun.Sealed)]
    [InlineData(ScriptedRun.SealedLater)]
    [InlineData(ScriptedRun.NeverFlushed)]
    [InlineData(ScriptedRun.Retained)]
    public async Task Power_lost_at_any_operation_loses_nothing_that_was_acknowledged(string flavour)
    {
        var seed = TestSeed.Next();
        var whole = new SimulatedDisk();
        await ScriptedRun.RunAsync(whole, flavour: flavour);
        Assert.True(whole.OperationCount > 60, $"the script has {whole.OperationCount} operations only");

        for (var point = 0; point <= whole.OperationCount; point++)
        {
            var disk = new SimulatedDisk { PowerLossAt = point };
            var run = await ScriptedRun.RunAsync(disk, flavour: flavour);
            for (var image = 0; image < ImagesAPoint * TestSeed.Effort; image++)
            {
                var random = new Random(HashCode.Combine(seed, point, image));
                await run.RecoverAsync(disk.AfterPowerLoss(random), $"seed {seed}, power lost at {point}, image {image}\n{disk.Trace}");
            }
        }
    }

    [Theory]
    [InlineData(ScriptedRun.SealedLater)]
    [InlineData(ScriptedRun.NeverFlushed)]
    public async Task Power_lost_at_any_operation_of_the_recovery_loses_nothing_either(string flavour)
    {
        var seed = TestSeed.Next();
        var whole = new SimulatedDisk();
        await ScriptedRun.RunAsync(whole, flavour: flavour);
        for (var point = 0; point <= whole.OperationCount; point++)
        {
            var disk = new SimulatedDisk { PowerLossAt = point };
            var run = await ScriptedRun.RunAsync(disk, flavour: flavour);
            for (var image = 0; image < TestSeed.Effort; image++)
            {
                // The same image again for each point of its recovery.
                var random = () => new Random(HashCode.Combine(seed, point, image));
                var first = disk.AfterPowerLoss(random());
                await run.RecoverAsync(first, $"seed {seed}, power lost at {point}");
                for (var again = 0; again < first.OperationCount; again++)
                {
                    var second = disk.AfterPowerLoss(random());
                    second.PowerLossAt = again;
                    await ScriptedRun.TryRecoverAsync(second);
                    await run.RecoverAsync(
                        second.AfterPowerLoss(new Random(HashCode.Combine(seed, point, image, again))),
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
    public async Task A_kill_at_any_operation_loses_nothing_that_was_acknowledged(string flavour)
    {
        var whole = new SimulatedDisk();
        await ScriptedRun.RunAsync(whole, flavour: flavour);
        for (var point = 0; point <= whole.OperationCount; point++)
        {
            var disk = new SimulatedDisk { PowerLossAt = point };
            var run = await ScriptedRun.RunAsync(disk, flavour: flavour);
            await run.RecoverAsync(disk.AfterKill(), $"killed at {point}\n{disk.Trace}", wasKilled: true);
        }
    }

    [Theory]
    [InlineData(ScriptedRun.Sealed)]
    [InlineData(ScriptedRun.SealedLater)]
    [InlineData(ScriptedRun.NeverFlushed)]
    [InlineData(ScriptedRun.Retained)]
    public async Task A_kill_at_any_operation_and_then_a_power_loss_lose_nothing_that_was_acknowledged(string flavour)
    {
        var seed = TestSeed.Next();
        var whole = new SimulatedDisk();
        await ScriptedRun.RunAsync(whole, flavour: flavour);
        for (var point = 0; point <= whole.OperationCount; point++)
        {
            for (var image = 0; image < 3; image++)
            {
                var disk = new SimulatedDisk { PowerLossAt = point };
                var run = await ScriptedRun.RunAsync(disk, flavour: flavour);
                var restarted = disk.AfterKill();
                restarted.PowerLossAt = new Random(HashCode.Combine(seed, point, image)).Next(12);
                await ScriptedRun.TryRecoverAsync(restarted);
                await run.RecoverAsync(
                    restarted.AfterPowerLoss(new Random(HashCode.Combine(seed, point, image))),
                    $"seed {seed}, killed at {point}, image {image}\n{disk.Trace}\nrestarted:\n{restarted.Trace}");
            }
        }
    }
}
