using LogKit.Disk;
using LogKit.Disk.Storage;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>
/// The n-th operation of each kind fails, with an I/O error or for lack of space, and the run continues, as a server does. Acknowledged
/// records can be read at once, after a restart, and after a power loss.
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
            var disk = new SimulatedDisk { Random = new Random(TestSeed.Mix(seed, n)) };
            disk.Fault = (_, operation) => operation == kind && --left == 0 ? Failure(error, kind) : null;
            var run = await ScriptedRun.RunAsync(disk, goOn: true);
            var context = $"seed {seed}, {kind} number {n} fails with {error}\n{disk.Trace}";
            for (var image = 0; image < 4; image++)
                await run.RecoverAsync(disk.AfterPowerLoss(new Random(TestSeed.Mix(seed, n, image))), context);
            disk.Fault = (_, _) => null;
            await run.RecoverAsync(disk.AfterKill(), context);
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
                disk.Fault = (_, operation) =>
                    operation is OperationKind.Reserve or OperationKind.Create ? Failure("ENOSPC", operation) : null;
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

    [Fact]
    public async Task Truncation_makes_room_on_a_full_disk()
    {
        var disk = new SimulatedDisk();
        await using var log = ScriptedRun.Open(disk);
        for (var i = 0; i < 8; i++)
            await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 20_000)));
        var isFull = true;
        disk.Fault = (_, operation) =>
        {
            isFull &= operation is not (OperationKind.SetLength or OperationKind.Delete); // either of them makes room
            return isFull && operation is OperationKind.Reserve or OperationKind.Create ? Failure("ENOSPC", operation) : null;
        };
        await Assert.ThrowsAsync<LogFullException>(async () =>
        {
            while (true)
                await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 2_000)));
        });
        await log.TruncateBeforeAsync(6);
        disk.Fault = (_, _) => null;
        var range = await log.GetRangeAsync();
        Assert.Equal(6ul, range.StartOffset);
        Assert.Equal(range.NextOffset, await log.AppendBatchAsync(RecordBatch.OfText("room again")));
    }

    [Fact]
    public async Task An_unexpected_failure_leaves_no_caller_waiting()
    {
        var disk = new SimulatedDisk();
        await using var log = ScriptedRun.Open(disk);
        disk.Unforeseen = new InsufficientMemoryException("a test's");
        var appends = Enumerable
            .Range(0, 20)
            .Select(i => Task.Run(() => log.AppendBatchAsync(RecordBatch.OfText($"{i}")).AsTask()))
            .ToList();
        foreach (var append in appends)
            await Assert.ThrowsAnyAsync<LogException>(() => append.Within("an answer"));
        disk.Unforeseen = null;
        await Assert.ThrowsAsync<LogReadOnlyException>(() => log.AppendBatchAsync(RecordBatch.OfText("x")).AsTask());
        await log.DisposeAsync().AsTask().Within("the log to close");
    }

#pragma warning disable CA2012, xUnit1031 // the misuse is what is tested
    [Fact]
    public async Task Asking_an_append_for_its_result_too_early_does_no_harm()
    {
        await using var log = ScriptedRun.Open(new SimulatedDisk());
        for (var round = 0; round < 200; round++)
        {
            var others = Enumerable
                .Range(0, 4)
                .Select(i => Task.Run(() => log.AppendBatchAsync(RecordBatch.OfText($"{i}")).AsTask()))
                .ToList();
            var early = log.AppendBatchAsync(RecordBatch.OfText("early"));
            if (!early.IsCompleted)
            {
                try
                {
                    _ = early.GetAwaiter().GetResult();
                }
                catch (InvalidOperationException)
                {
                    await early;
                }
            }

            await Task.WhenAll(others).Within("the other appends");
        }

        Assert.Equal(new LogRange(0, 1000), await log.GetRangeAsync());
    }
#pragma warning restore CA2012, xUnit1031

    [Fact]
    public async Task Truncation_of_unflushed_records_survives_a_power_loss()
    {
        for (var image = 0; image < 50; image++)
        {
            var disk = new SimulatedDisk();
            await using (
                var log = DiskLog.Open(new SimulatedStorage(disk), new DiskLogOptions { FlushMode = FlushMode.Never, ReserveBytes = 8192 }))
            {
                for (var i = 0; i < 50; i++)
                    await log.AppendBatchAsync(RecordBatch.OfText($"{i}"));
                await log.TruncateBeforeAsync(40);
                disk.PowerLossAt = disk.OperationCount;
            }

            await using var recovered = ScriptedRun.Open(disk.AfterPowerLoss(new Random(image)));
            Assert.Equal(new LogRange(40, 50), await recovered.GetRangeAsync());
        }
    }

    // A flush or a rename that fails for lack of space fails like with any other error: see IStorage.
    private static IOException Failure(string error, OperationKind kind) => (error, kind) switch
    {
        ("ENOSPC", OperationKind.Flush or OperationKind.FlushDirectory or OperationKind.Rename or OperationKind.Delete) =>
            new IOException("no space left on device"),
        ("ENOSPC", _) => new StorageFullException("no space left on device"),
        _ => new IOException("input/output error"),
    };
}
