using LogKit.Disk;
using LogKit.Disk.Storage;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>
/// The n-th operation of each kind fails, with an I/O error or for want of room, and the run goes on as a server does. What was
/// acknowledged is there: at once, after a restart, and after a power loss.
/// </summary>
public sealed class FaultTests
{
    public static TheoryData<string, string> Faults
    {
        get
        {
            var faults = new TheoryData<string, string>();
            foreach (var kind in Enum.GetValues<OperationKind>().Except([OperationKind.Other, OperationKind.Read]))
            {
                faults.Add(kind.ToString(), "EIO");
                faults.Add(kind.ToString(), "ENOSPC");
            }

            return faults;
        }
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task The_nth_failing_operation_of_a_kind_loses_nothing_that_was_acknowledged(string kindName, string error)
    {
        var seed = TestSeed.Next();
        var kind = Enum.Parse<OperationKind>(kindName);
        var whole = new SimulatedDisk();
        var count = 0;
        whole.Fault = (_, operation) =>
        {
            count += operation == kind ? 1 : 0;
            return null;
        };
        await ScriptedRun.RunAsync(whole);
        Assert.True(count > 0, $"the script has no {kind}");

        for (var n = 1; n <= count; n++)
        {
            var left = n;
            var disk = new SimulatedDisk { Random = new Random(HashCode.Combine(seed, n)) };
            disk.Fault = (_, operation) => operation == kind && --left == 0 ? Failure(error, kind) : null;
            var run = await ScriptedRun.RunAsync(disk, goOn: true);
            var context = $"seed {seed}, {kind} number {n} fails with {error}\n{disk.Trace}";
            for (var image = 0; image < 4; image++)
                await RecoverAsync(disk.AfterPowerLoss(new Random(HashCode.Combine(seed, n, image))), run, context);
            disk.Fault = (_, _) => null;
            await RecoverAsync(disk.AfterKill(), run, context);
        }
    }

    [Theory]
    [InlineData(nameof(OperationKind.Write))]
    [InlineData(nameof(OperationKind.Flush))]
    public async Task A_failed_write_or_flush_leaves_its_append_unknown_and_the_log_read_only(string kindName)
    {
        var kind = Enum.Parse<OperationKind>(kindName);
        var disk = new SimulatedDisk();
        await using var log = ScriptedRun.Open(disk);
        await log.AppendBatchAsync(RecordBatch.OfText("before"));
        disk.Fault = (_, operation) => operation == kind ? Failure("EIO", kind) : null;
        await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() => log.AppendBatchAsync(RecordBatch.OfText("unknown")).AsTask());

        disk.Fault = (_, _) => null;
        await Assert.ThrowsAsync<LogReadOnlyException>(() => log.AppendBatchAsync(RecordBatch.OfText("refused")).AsTask());
        await Assert.ThrowsAsync<LogReadOnlyException>(() => log.TruncateBeforeAsync(1).AsTask());
        Assert.Equal(new LogRange(0, 1), await log.GetRangeAsync());
        Assert.Equal(["before"], await log.ReadAllTextAsync());
    }

    [Fact]
    public async Task A_full_disk_refuses_appends_until_there_is_room_and_loses_nothing()
    {
        var disk = new SimulatedDisk();
        var expected = new List<string>();
        await using (var log = ScriptedRun.Open(disk))
        {
            for (var round = 0; round < 3; round++)
            {
                disk.Fault = (_, operation) => operation is OperationKind.Reserve or OperationKind.Create ? Failure("ENOSPC", operation) : null;
                var isFull = false;
                for (var i = 0; !isFull; i++)
                {
                    var text = $"{round}/{i} {new string('x', 20_000)}";
                    try
                    {
                        Assert.Equal((ulong)expected.Count, await log.AppendBatchAsync(RecordBatch.OfText(text)));
                        expected.Add(text);
                    }
                    catch (LogFullException)
                    {
                        isFull = true;
                    }
                }

                Assert.Equal(expected, await log.ReadAllTextAsync());
                disk.Fault = (_, _) => null;
                Assert.Equal((ulong)expected.Count, await log.AppendBatchAsync(RecordBatch.OfText($"room again {round}")));
                expected.Add($"room again {round}");
            }
        }

        await using var reopened = ScriptedRun.Open(disk);
        Assert.Equal(expected, await reopened.ReadAllTextAsync());
    }

    private static async Task RecoverAsync(SimulatedDisk disk, ScriptedRun run, string context)
    {
        DiskLog log;
        try
        {
            log = ScriptedRun.Open(disk);
        }
        catch (LogException exception)
        {
            Assert.Fail($"{context}\nthe log does not open: {exception.Message}");
            return;
        }

        await using (log)
            await run.CheckAsync(log, context);
    }

    // A flush or a rename that fails for want of room has failed as with any other error: see IStorage.
    private static IOException Failure(string error, OperationKind kind) => (error, kind) switch
    {
        ("ENOSPC", OperationKind.Flush or OperationKind.FlushDirectory or OperationKind.Rename or OperationKind.Delete) =>
            new IOException("no space left on device"),
        ("ENOSPC", _) => new StorageFullException("no space left on device"),
        _ => new IOException("input/output error"),
    };
}
