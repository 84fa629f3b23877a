using LogKit.Disk;
using LogKit.Disk.Stores;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>What the disk store does beyond the rules for stores: directories, idle logs, and its files.</summary>
public sealed class DiskLogStoreTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_log_of_a_directory_is_the_default_log_of_its_store_and_remains_a_log()
    {
        await using (var log = DiskLog.Open(_directory["data"]))
            await log.AppendBatchAsync(RecordBatch.OfText("before"));
        await using (var store = DiskLogStore.Open(_directory["data"]))
        {
            await store.CreateAsync("orders");
            await using var log = await store.OpenAsync(LogNames.Default);
            Assert.Equal("before", $"{(await log.ReadBatchAsync(0))[0]}");
            await log.AppendBatchAsync(RecordBatch.OfText("between"));
            Assert.Throws<LogInUseException>(() => DiskLog.Open(_directory["data"]));
            Assert.Throws<LogInUseException>(() => DiskLogStore.Open(_directory["data"]));
        }

        await using (var log = DiskLog.Open(_directory["data"]))
            Assert.Equal(2ul, await log.AppendBatchAsync(RecordBatch.OfText("after")));
        Assert.True(Directory.Exists(_directory["data/logs/orders"]));
    }

    [Theory]
    [InlineData("orders", "orders")]
    [InlineData("Orders", "orders=1")]
    [InlineData("ORDERS", "orders=3f")]
    [InlineData("orderS", "orders=20")]
    [InlineData("a.", "a.=")]
    [InlineData("nul", "=nul=")]
    [InlineData("NUL.txt", "=nul.txt=7")]
    [InlineData("com1", "=com1=")]
    [InlineData("com10", "com10")]
    public void The_directory_of_a_log_has_its_name_on_every_file_system(string name, string directory) =>
        Assert.Equal(directory, LogDirectory.Of(name));

    [Fact]
    public void The_directories_of_all_names_differ_and_are_short_enough_for_every_file_system()
    {
        var random = new Random(1);
        var names = new HashSet<string>(StringComparer.Ordinal) { new('Z', LogNames.LengthLimit), new('z', LogNames.LengthLimit) };
        while (names.Count < 10_000)
            names.Add(string.Concat(Enumerable.Range(0, 1 + random.Next(12)).Select(_ => "aAbB"[random.Next(4)])));
        var directories = names.Select(LogDirectory.Of).ToHashSet(StringComparer.OrdinalIgnoreCase);
        Assert.Equal(names.Count, directories.Count);
        Assert.All(directories, directory => Assert.True(directory.Length <= 255, directory));
    }

    [Fact]
    public async Task Logs_that_are_not_in_use_are_closed_and_their_waits_go_on()
    {
        await using var store = DiskLogStore.Open(_directory["data"], new DiskLogStoreOptions { IdleLimitMs = 40 });
        var logs = new List<ILog>();
        for (var i = 0; i < 20; i++)
        {
            await store.CreateAsync($"log-{i}");
            logs.Add(await store.OpenAsync($"log-{i}"));
            await logs[i].AppendBatchAsync(RecordBatch.OfText($"{i}"));
        }

        var waits = logs.ConvertAll(log => log.WaitForAppendAsync(1).AsTask());
        await Poll.UntilAsync(() => Task.FromResult(store.OpenCount == 0), "all logs to be closed");
        Assert.All(waits, wait => Assert.False(wait.IsCompleted));
        foreach (var log in logs)
            await log.AppendBatchAsync(RecordBatch.OfText("again"));
        await Task.WhenAll(waits).Within("waits of logs that were closed meanwhile");
        for (var i = 0; i < logs.Count; i++)
            Assert.Equal($"{i}", $"{(await logs[i].ReadBatchAsync(0))[0]}");
    }

    [Fact]
    public async Task No_more_logs_are_open_than_may_be()
    {
        await using var store = DiskLogStore.Open(_directory["data"], new DiskLogStoreOptions { OpenLogLimit = 3 });
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 10; i++)
            {
                if (round == 0)
                    await store.CreateAsync($"log-{i}");
                await using var log = await store.OpenAsync($"log-{i}");
                Assert.Equal((ulong)round, await log.AppendBatchAsync(RecordBatch.OfText("x")));
                Assert.InRange(store.OpenCount, 1, 3);
            }
        }
    }

    [Fact]
    public async Task A_small_log_takes_little_space_and_a_larger_one_is_extended_seldom()
    {
        await using var store = DiskLogStore.Open(_directory["data"]);
        await store.CreateAsync("small");
        await using var log = await store.OpenAsync("small");
        await log.AppendBatchAsync(RecordBatch.OfText("x"));
        Assert.InRange(SizeOf("small"), 1, 64 * 1024);
        for (var i = 0; i < 200; i++)
            await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 10_000)));
        Assert.InRange(SizeOf("small"), 2_000_000, 3_500_000);

        long SizeOf(string name) => Directory.EnumerateFiles(_directory[$"data/logs/{name}"]).Sum(path => new FileInfo(path).Length);
    }

    [Fact]
    public async Task A_limit_on_the_size_of_a_log_can_be_set_and_changed_while_it_is_in_use()
    {
        await using var store = DiskLogStore.Open(_directory["data"]);
        await store.CreateAsync("bounded", new LogSettings { RetentionLimitBytes = 512 * 1024 });
        await using var log = await store.OpenAsync("bounded");
        await FillAsync();
        Assert.InRange(await HeldBytesAsync(), 128 * 1024, 512 * 1024);
        await store.UpdateAsync("bounded", new LogSettings { RetentionLimitBytes = 256 * 1024 });
        Assert.InRange(await HeldBytesAsync(), 0, 256 * 1024);
        await store.UpdateAsync("bounded", new LogSettings());
        await FillAsync();
        Assert.True(await HeldBytesAsync() > 1024 * 1024, "records were deleted although there is no limit");
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => store.UpdateAsync("bounded", new LogSettings { RetentionLimitBytes = 1000 }).AsTask());

        async Task FillAsync()
        {
            for (var i = 0; i < 128; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 10_000)));
        }

        async Task<long> HeldBytesAsync()
        {
            var range = await log.GetRangeAsync();
            return (long)(range.NextOffset - range.StartOffset) * 10_000;
        }
    }

    [Fact]
    public async Task What_an_interrupted_change_left_behind_is_removed_and_other_directories_are_reported()
    {
        await using (var store = DiskLogStore.Open(_directory["data"]))
            await store.CreateAsync("orders");
        Directory.CreateDirectory(_directory["data/logs/~new-1/sub"]);
        Directory.CreateDirectory(_directory["data/logs/~deleted-2"]);
        await using (DiskLogStore.Open(_directory["data"]))
            Assert.Equal([_directory["data/logs/orders"]], Directory.EnumerateDirectories(_directory["data/logs"]));

        Directory.Move(_directory["data/logs/orders"], _directory["data/logs/renamed"]);
        var damaged = Assert.Throws<LogDamagedException>(() => DiskLogStore.Open(_directory["data"]));
        Assert.Contains("it is the directory of the log 'orders': rename it to orders", damaged.Message, StringComparison.Ordinal);
        Directory.Move(_directory["data/logs/renamed"], _directory["data/logs/orders"]);
        File.Delete(_directory["data/logs/orders/SETTINGS"]);
        damaged = Assert.Throws<LogDamagedException>(() => DiskLogStore.Open(_directory["data"]));
        Assert.Contains("the file is missing: restore it, or move the directory away", damaged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_that_the_storage_refuses_changes_nothing_wherever_it_fails()
    {
        var (disk, refusals) = (new SimulatedDisk(), 0);
        await using var store = DiskLogStore.Open(new SimulatedStoreStorage(disk), new DiskLogStoreOptions());
        await EachStepAsync(
            name => Task.CompletedTask,
            name => store.CreateAsync(name).AsTask(),
            async (name, isDone) => Assert.Equal(isDone, await IsThereAsync(name)));
        await EachStepAsync(
            name => store.CreateAsync(name).AsTask(),
            name => store.UpdateAsync(name, new LogSettings { RetentionLimitMs = 60_000 }).AsTask(),
            async (name, isDone) => Assert.Equal(isDone ? 60_000 : null, (await store.GetAsync(name)).Settings.RetentionLimitMs));
        ILog? log = null;
        Task? wait = null;
        await EachStepAsync(
            async name =>
            {
                await store.CreateAsync(name);
                log = await store.OpenAsync(name);
                await log.AppendBatchAsync(RecordBatch.OfText(name));
                wait = log.WaitForAppendAsync(1).AsTask();
            },
            name => store.DeleteAsync(name).AsTask(),
            async (name, isDone) =>
            {
                Assert.Equal(!isDone, await IsThereAsync(name));
                if (isDone)
                {
                    await Assert.ThrowsAsync<LogDeletedException>(() => wait!.Within("a wait of a log that was deleted"));
                    return;
                }

                Assert.Equal(name, $"{(await log!.ReadBatchAsync(0))[0]}");
                Assert.False(wait!.IsCompleted);
                await log.AppendBatchAsync(RecordBatch.OfText("the log goes on"));
                await wait!.Within("a wait of a log whose deletion failed");
            });
        Assert.True(refusals > 10, $"only {refusals} changes were refused");

        // Lets a change fail at its first operation, at its second, and so on, until nothing of it fails.
        async Task EachStepAsync(Func<string, Task> prepare, Func<string, Task> change, Func<string, bool, Task> check)
        {
            for (var (step, isOver) = (0, false); !isOver; step++)
            {
                var name = $"log-{refusals}-{step}";
                await prepare(name);
                var failsAt = disk.OperationCount + step;
                disk.Fault = (number, _) => number == failsAt ? new IOException("input/output error") : null;
                var isDone = true;
                try
                {
                    await change(name);
                }
                catch (LogUnavailableException)
                {
                    isDone = false;
                    refusals++;
                }

                isOver = disk.OperationCount <= failsAt;
                disk.Fault = (_, _) => null;
                await check(name, isDone);
            }
        }

        async Task<bool> IsThereAsync(string name)
        {
            await foreach (var one in store.ListAsync(name))
                return one.Name == name;
            return false;
        }
    }

    [Fact]
    public async Task What_a_process_found_after_the_end_of_another_survives_a_power_failure()
    {
        for (var step = 0; step < 60; step++)
        {
            for (var seed = 0; seed < 4; seed++)
            {
                // A process ends in the middle of a creation or a deletion.
                var first = new SimulatedDisk();
                await using (var store = DiskLogStore.Open(new SimulatedStoreStorage(first), new DiskLogStoreOptions()))
                {
                    await store.CreateAsync("old");
                    await using (var old = await store.OpenAsync("old"))
                        await old.AppendBatchAsync(RecordBatch.OfText("old"));
                    first.PowerLossAt = first.OperationCount + step;
                    await IgnoreAsync(() => store.CreateAsync("new").AsTask());
                    await IgnoreAsync(() => store.DeleteAsync("old").AsTask());
                }

                // Another one goes on with what it finds, until the power fails.
                var second = first.AfterKill();
                var found = new List<string>();
                var next = DiskLogStore.Open(new SimulatedStoreStorage(second), new DiskLogStoreOptions());
                await foreach (var log in next.ListAsync())
                {
                    await using var opened = await next.OpenAsync(log.Name);
                    await opened.AppendBatchAsync(RecordBatch.OfText("acknowledged"));
                    found.Add($"{log.Name} {(await opened.GetRangeAsync()).NextOffset}");
                }

                var third = second.AfterPowerLoss(new Random(seed));
                await using (var store = DiskLogStore.Open(new SimulatedStoreStorage(third), new DiskLogStoreOptions()))
                {
                    var survived = new List<string>();
                    await foreach (var log in store.ListAsync())
                    {
                        await using var opened = await store.OpenAsync(log.Name);
                        survived.Add($"{log.Name} {(await opened.GetRangeAsync()).NextOffset}");
                    }

                    Assert.True(found.SequenceEqual(survived), $"step {step}, seed {seed}: {string.Join(", ", found)} became "
                        + $"{string.Join(", ", survived)}");
                }

                await next.DisposeAsync();
            }
        }

        static async Task IgnoreAsync(Func<Task> change)
        {
            try
            {
                await change();
            }
            catch (LogException)
            {
                // The process has ended.
            }
        }
    }

    [Fact]
    public void The_settings_file_is_as_it_is_documented()
    {
        var log = new LogInfo(
            "orders",
            new Guid("00112233-4455-6677-8899-aabbccddeeff"),
            new LogSettings { StartOffset = 7, RetentionLimitBytes = 1 << 20, RetentionLimitMs = 60_000 });
        var bytes = SettingsFile.Encode(log);
        Assert.Equal(
            "4C6F674B69742E43" + "01000000" + "06000000" + "33221100554477668899AABBCCDDEEFF" + "0700000000000000" + "0000100000000000"
                + "60EA000000000000" + "6F7264657273" + "D0BD410C",
            Convert.ToHexString(bytes));
        var disk = new SimulatedDisk();
        var storage = new SimulatedStorage(disk);
        SettingsFile.Replace(storage, log);
        Assert.Equal(log, SettingsFile.Read(storage));
        for (var i = 0; i < bytes.Length; i++)
        {
            disk.Names[SettingsFile.Name].Flip(i, 0x10);
            Assert.Throws<LogDamagedException>(() => SettingsFile.Read(storage));
            disk.Names[SettingsFile.Name].Flip(i, 0x10);
        }
    }
}
