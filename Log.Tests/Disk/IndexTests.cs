using System.Buffers.Binary;
using LogKit.Disk;
using LogKit.Disk.Format;
using LogKit.Tests.Disk.Simulation;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// An index file makes reads of a full segment cheap, but it is never trusted. Reads return the right records whatever the file contains,
/// and without it.
/// </summary>
public sealed class IndexTests : IDisposable
{
    private const int EntriesPosition = 40;
    private const int EntryBytes = 8;
    private const int RecordCount = 100;

    private static readonly DiskLogOptions SmallSegments = new()
    {
        SegmentLimitBytes = 64 * 1024,
        FlushMode = FlushMode.Never,
        Background = work => work(),
    };

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_full_segment_is_read_after_reopening_without_being_scanned()
    {
        var options = SmallSegments with { SegmentLimitBytes = 4 * 1024 * 1024 };
        var disk = new SimulatedDisk();
        await using (var log = DiskLog.Open(new SimulatedStorage(disk), options))
        {
            for (var i = 0; i < 6000; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(Text(i, 900)));
        }

        foreach (var offset in (int[])[0, 1, 1234, 2500, 4000])
        {
            await using var log = DiskLog.Open(new SimulatedStorage(disk), options);
            var before = disk.BytesRead;
            await AssertReadsAsync(log, offset, 900);
            Assert.InRange(disk.BytesRead - before, 900, 64 * 1024);
        }
    }

    [Fact]
    public async Task A_missing_index_is_recreated()
    {
        var index = await WriteAsync();
        var expected = File.ReadAllBytes(index);
        File.Delete(index);
        await AssertReadsAllAsync("the index is missing");
        Assert.Equal(expected, File.ReadAllBytes(index));
    }

    [Fact]
    public async Task An_index_with_any_flipped_byte_is_detected_and_recreated()
    {
        var index = await WriteAsync();
        var expected = File.ReadAllBytes(index);
        for (var i = 0; i < expected.Length; i++)
        {
            var damaged = expected.ToArray();
            damaged[i] ^= 0x10;
            File.WriteAllBytes(index, damaged);
            await AssertReadsAllAsync($"byte {i} is flipped");
            Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(index)), $"byte {i} is flipped, and stays so");
        }
    }

    [Fact]
    public async Task An_index_with_a_wrong_length_is_detected_and_recreated()
    {
        var index = await WriteAsync();
        var expected = File.ReadAllBytes(index);
        for (var length = 0; length < expected.Length + 10; length++)
        {
            if (length == expected.Length)
                continue;
            var damaged = expected.ToArray();
            Array.Resize(ref damaged, length);
            File.WriteAllBytes(index, damaged);
            await AssertReadsAllAsync($"cut to {length} bytes");
            Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(index)), $"cut to {length} bytes, and stays so");
        }
    }

    [Fact]
    public async Task An_index_of_another_segment_or_log_is_detected_and_recreated()
    {
        var index = await WriteAsync();
        var expected = File.ReadAllBytes(index);
        var other = Directory.GetFiles(_directory["log"], "*.idx").Order(StringComparer.Ordinal).ElementAt(1);
        File.Copy(other, index, overwrite: true);
        await AssertReadsAllAsync("of another segment");
        Assert.Equal(expected, File.ReadAllBytes(index));

        // The index of another log with the same records, which differs only in the salt.
        await WriteAsync("other");
        File.Copy(Path.Combine(_directory["other"], Path.GetFileName(index)), index, overwrite: true);
        Assert.Equal(expected[16..^4], File.ReadAllBytes(index)[16..^4]);
        await AssertReadsAllAsync("of another log");
        Assert.Equal(expected, File.ReadAllBytes(index));
    }

    public static TheoryData<string> Lies =>
        [
            "no entries", "a byte too far", "32 bytes too far", "a frame too far", "offsets one too high", "offsets one too low",
            "offsets far too high", "everything at the end", "everything at the beginning", "the wrong way round", "twice the same",
            "before the frames", "behind the frames",
        ];

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task A_wrong_index_with_a_valid_checksum_misleads_no_reader(string lie)
    {
        var index = await WriteAsync();
        File.WriteAllBytes(index, Forge(File.ReadAllBytes(index), lie));
        await AssertReadsAllAsync(lie);
    }

    [Fact]
    public async Task An_index_of_random_entries_with_a_valid_checksum_misleads_no_reader()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        var index = await WriteAsync();
        var sound = File.ReadAllBytes(index);
        for (var round = 0; round < 40 * TestSeed.Effort; round++)
        {
            File.WriteAllBytes(index, Forge(sound, entries =>
            {
                foreach (ref var entry in entries.AsSpan())
                    entry = ((uint)random.Next(40), (uint)random.Next(SegmentHeader.SizeBytes, 64 * 1024));
                Array.Sort(entries);
                Array.Sort(entries.Select(entry => entry.Position).ToArray(), entries);
                return entries;
            }));
            await AssertReadsAllAsync($"seed {seed}, round {round}");
        }
    }

    [Fact]
    public async Task A_wrong_index_misleads_no_concurrent_reader()
    {
        var index = await WriteAsync();
        var forged = Forge(File.ReadAllBytes(index), "everything at the end");
        for (var round = 0; round < 30 * TestSeed.Effort; round++)
        {
            File.WriteAllBytes(index, forged);
            await using var log = DiskLog.Open(_directory["log"], SmallSegments);
            using var start = new Barrier(4);
            var readers = Enumerable.Range(0, 4).Select(reader => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait();
                    return AssertReadsAsync(log, 18 + reader, 2000);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap());
            await Task.WhenAll(readers).Within("four readers");
        }
    }

    [Fact]
    public async Task Damage_to_one_record_affects_no_other()
    {
        await WriteAsync();
        var segment = Directory.GetFiles(_directory["log"], "*.log").Order(StringComparer.Ordinal).First();
        var bytes = File.ReadAllBytes(segment);
        bytes[SegmentHeader.SizeBytes + FrameHeader.SizeBytes + 10] ^= 1; // the payload of the first frame
        File.WriteAllBytes(segment, bytes);
        for (var opening = 0; opening < 2; opening++)
        {
            await using var log = DiskLog.Open(_directory["log"], SmallSegments);
            for (var round = 0; round < 2; round++)
            {
                Assert.Equal(0ul, (await Assert.ThrowsAsync<RecordCorruptException>(() => log.ReadBatchAsync(0).AsTask())).Offset);
                for (var offset = 1; offset < RecordCount; offset++)
                    await AssertReadsAsync(log, offset, 2000);
            }
        }
    }

    [Fact]
    public async Task A_length_that_is_damaged_hides_no_more_than_the_index_can_step_over()
    {
        await WriteAsync();
        var segment = Directory.GetFiles(_directory["log"], "*.log").Order(StringComparer.Ordinal).First();
        var bytes = File.ReadAllBytes(segment);
        bytes[SegmentHeader.SizeBytes + 6] ^= 0x7F;
        File.WriteAllBytes(segment, bytes);
        for (var opening = 0; opening < 2; opening++)
        {
            await using var log = DiskLog.Open(_directory["log"], SmallSegments);
            await Assert.ThrowsAsync<RecordCorruptException>(() => log.ReadBatchAsync(0).AsTask());
            for (var offset = 9; offset < RecordCount; offset++) // the second entry of the index is at about the ninth record
                await AssertReadsAsync(log, offset, 2000);
        }
    }

    [Fact]
    public async Task A_log_works_without_an_index_that_cannot_be_written()
    {
        Directory.CreateDirectory(_directory["log"]);
        for (var i = 0; i < RecordCount; i++)
            // A directory with the name of the index file.
            Directory.CreateDirectory(Path.Combine(_directory["log"], SegmentName.OfIndex((ulong)i)));
        await using (var log = DiskLog.Open(_directory["log"], SmallSegments))
        {
            for (var i = 0; i < RecordCount; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(Text(i, 2000)));
        }

        await AssertReadsAllAsync("no index can be written");
        Assert.Empty(Directory.GetFiles(_directory["log"], "*.idx"));
        await using var reopened = DiskLog.Open(_directory["log"], SmallSegments);
        await reopened.TruncateBeforeAsync(RecordCount / 2);
        Assert.Equal(new LogRange(RecordCount / 2, RecordCount), await reopened.GetRangeAsync());
    }

    [Fact]
    public async Task An_index_without_its_segment_is_removed_on_opening_and_other_names_are_left_alone()
    {
        var index = await WriteAsync();
        var stray = Path.Combine(_directory["log"], SegmentName.OfIndex(7));
        string[] foreign = ["7.idx", "0000000000000000007x.idx", "00000000000000000007.idx.bak", "00000000000000000007.IDX", "notes.idx"];
        File.Copy(index, stray);
        foreach (var name in foreign)
            File.WriteAllText(Path.Combine(_directory["log"], name), "mine");
        await AssertReadsAllAsync("with files that are not its own");
        Assert.False(File.Exists(stray));
        Assert.True(File.Exists(index));
        foreach (var name in foreign)
            Assert.Equal("mine", File.ReadAllText(Path.Combine(_directory["log"], name)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_index_is_deleted_with_its_segment(bool byRetention)
    {
        await WriteAsync();
        Assert.Equal(Names("*.log").SkipLast(1), Names("*.idx"));
        var options = SmallSegments with { RetentionLimitBytes = byRetention ? 2 * 64 * 1024 : null };
        await using var log = DiskLog.Open(_directory["log"], options);
        if (!byRetention)
            await log.TruncateBeforeAsync(RecordCount - 1);
        Assert.InRange(Names("*.log").Count, 1, 2);
        Assert.Equal(Names("*.log").SkipLast(1), Names("*.idx"));

        List<string> Names(string pattern) =>
            [
                .. Directory
                    .GetFiles(_directory["log"], pattern)
                    .Select(path => Path.GetFileNameWithoutExtension(path))
                    .Order(StringComparer.Ordinal),
            ];
    }

    private static string Text(int offset, int length) => $"{offset} {new string((char)('a' + (offset % 26)), length)}";

    private static async Task AssertReadsAsync(DiskLog log, int offset, int length) =>
        Assert.Equal(Text(offset, length), (await log.ReadBatchAsync((ulong)offset))[0].ToString());

    /// <summary>Writes a log of several segments. Returns the path of the index of the first segment.</summary>
    private async Task<string> WriteAsync(string name = "log")
    {
        await using (var log = DiskLog.Open(_directory[name], SmallSegments))
        {
            for (var i = 0; i < RecordCount; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(Text(i, 2000)));
        }

        var index = Path.Combine(_directory[name], SegmentName.OfIndex(0));
        Assert.Equal(EntriesPosition + (4 * EntryBytes) + 4, new FileInfo(index).Length);
        return index;
    }

    /// <summary>Checks reads of every record of the first segment, and of some others, in random order.</summary>
    private async Task AssertReadsAllAsync(string context)
    {
        var random = new Random(1);
        await using var log = DiskLog.Open(_directory["log"], SmallSegments);
        try
        {
            foreach (var offset in Enumerable.Range(0, 35).OrderBy(_ => random.Next()).Concat([RecordCount - 1]))
                await AssertReadsAsync(log, offset, 2000);
        }
        catch (LogException exception)
        {
            Assert.Fail($"{context}: {exception}");
        }
    }

    private static byte[] Forge(byte[] index, string lie) => Forge(index, entries => lie switch
            {
                "no entries" => [],
                "a byte too far" => [.. entries.Select(entry => (entry.Offset, entry.Position + 1))],
                "32 bytes too far" => [.. entries.Select(entry => (entry.Offset, entry.Position + 32))],
                "a frame too far" =>
                [
                    .. entries.Select(entry =>
                        (entry.Offset, entry.Position + (entries[1].Position - entries[0].Position) / entries[1].Offset)),
                ],
                "offsets one too high" => [.. entries.Select(entry => (entry.Offset + 1, entry.Position))],
                "offsets one too low" => [entries[0], .. entries[1..].Select(entry => (entry.Offset - 1, entry.Position))],
                "offsets far too high" => [.. entries.Select(entry => (entry.Offset + uint.MaxValue - 100, entry.Position))],
                "everything at the end" => [.. entries.Select((entry, i) => (entry.Offset, entries[^1].Position + 100 + (uint)i))],
                "everything at the beginning" => [.. entries.Select((entry, i) => (entry.Offset, (uint)(SegmentHeader.SizeBytes + i)))],
                "the wrong way round" => [.. entries.Reverse()],
                "twice the same" => [.. entries.Select(_ => entries[1])],
                "before the frames" => [.. entries.Select((entry, i) => (entry.Offset, (uint)i))],
                "behind the frames" => [.. entries.Select((entry, i) => (entry.Offset, 1_000_000 + (uint)i))],
                _ => throw new ArgumentOutOfRangeException(nameof(lie)),
            });

    /// <summary>Returns the index with other entries and a matching checksum.</summary>
    private static byte[] Forge(byte[] index, Func<(uint Offset, uint Position)[], (uint Offset, uint Position)[]> change)
    {
        var entries = Enumerable
            .Range(0, BinaryPrimitives.ReadInt32LittleEndian(index.AsSpan(32)))
            .Select(i => index.AsMemory(EntriesPosition + (i * EntryBytes)))
            .Select(entry =>
                (BinaryPrimitives.ReadUInt32LittleEndian(entry.Span), BinaryPrimitives.ReadUInt32LittleEndian(entry.Span[4..])))
            .ToArray();
        var changed = change(entries);
        var forged = new byte[EntriesPosition + (changed.Length * EntryBytes) + 4];
        index.AsSpan(0, EntriesPosition).CopyTo(forged);
        BinaryPrimitives.WriteInt32LittleEndian(forged.AsSpan(32), changed.Length);
        for (var i = 0; i < changed.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(forged.AsSpan(EntriesPosition + (i * EntryBytes)), changed[i].Offset);
            BinaryPrimitives.WriteUInt32LittleEndian(forged.AsSpan(EntriesPosition + (i * EntryBytes) + 4), changed[i].Position);
        }

        var salt = BinaryPrimitives.ReadUInt32LittleEndian(forged.AsSpan(12));
        BinaryPrimitives.WriteUInt32LittleEndian(
            forged.AsSpan(forged.Length - 4), Crc32C.Append(salt, forged.AsSpan(0, forged.Length - 4)));
        return forged;
    }
}
