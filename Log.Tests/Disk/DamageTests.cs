using LogKit.Disk;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>
/// Recovery cuts off an unacknowledged tail, and damage to flushed data is reported. Reads never return wrong data, and no damage is
/// ignored.
/// </summary>
public sealed class DamageTests : IDisposable
{
    private const string Segment = "00000000000000000000.log";
    private const int HeaderBytes = 4096;

    private static readonly string[][] Batches = [["first"], ["second", "", "third"], ["fourth and last"]];

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Every_flipped_byte_of_a_closed_log_is_without_effect_or_reported()
    {
        var closed = await WriteAsync(close: true);
        for (var i = 0; i < closed.Length; i++)
        {
            var damaged = closed.ToArray();
            damaged[i] ^= 0x40;
            Assert.True(await OutcomeAsync(damaged) is Outcome.Exact or Outcome.Reported, $"a flip at byte {i}");
        }
    }

    [Fact]
    public async Task A_flip_in_a_frame_of_a_closed_log_is_always_reported()
    {
        var closed = await WriteAsync(close: true);
        for (var i = HeaderBytes; i < closed.Length; i++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var damaged = closed.ToArray();
                damaged[i] ^= (byte)(1 << bit);
                Assert.True(await OutcomeAsync(damaged) == Outcome.Reported, $"a flip of bit {bit} at byte {i}");
            }
        }
    }

    [Fact]
    public async Task A_closed_log_that_is_truncated_anywhere_is_reported()
    {
        var closed = await WriteAsync(close: true);
        for (var length = 0; length < closed.Length; length++)
            Assert.True(await OutcomeAsync(closed[..length]) == Outcome.Reported, $"cut to {length} bytes");
    }

    [Fact]
    public async Task A_last_append_that_is_truncated_anywhere_is_cut_off()
    {
        var open = await WriteAsync(close: false);
        var end = Array.FindLastIndex(open, value => value != 0) + 1;
        var lastFrame = end - LastFrameBytes();
        for (var length = lastFrame; length < end; length++)
        {
            // Everything up to here reached the device. The rest of the reserved space is zeros, or the file ends here.
            var zeroed = open.ToArray();
            zeroed.AsSpan(length).Clear();
            Assert.True(await OutcomeAsync(zeroed) == Outcome.LastBatchCut, $"zeros from byte {length} on");
            Assert.True(await OutcomeAsync(open[..length]) == Outcome.LastBatchCut, $"cut to {length} bytes");
        }
    }

    [Fact]
    public async Task Damage_before_a_later_frame_is_reported_even_without_a_seal()
    {
        // The second and third frames record how far the segment was flushed when they were written.
        var open = await WriteAsync(close: false);
        var end = Array.FindLastIndex(open, value => value != 0) + 1;
        for (var i = HeaderBytes; i < end - LastFrameBytes(); i++)
        {
            var damaged = open.ToArray();
            damaged[i] ^= 0x01;
            Assert.True(await OutcomeAsync(damaged) == Outcome.Reported, $"a flip at byte {i}");
        }
    }

    [Fact]
    public async Task Damage_under_an_open_log_is_reported_by_the_read()
    {
        await using var log = DiskLog.Open(_directory["log"]);
        foreach (var batch in Batches)
            await log.AppendBatchAsync(RecordBatch.OfText(batch));
        await using (
            var file = new FileStream(Path.Combine(_directory["log"], Segment), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            file.Position = HeaderBytes + 40;
            file.WriteByte(0xFF);
        }

        var corrupt = await Assert.ThrowsAsync<RecordCorruptException>(() => log.ReadBatchAsync(0).AsTask());
        Assert.Equal(0ul, corrupt.Offset);
        Assert.Equal("fourth and last", (await log.ReadBatchAsync(4))[0].ToString());
    }

    [Fact]
    public async Task A_damaged_count_hides_no_other_segment_and_no_later_append()
    {
        var options = new DiskLogOptions { SegmentLimitBytes = 64 * 1024 };
        await using (var log = DiskLog.Open(_directory["log"], options))
        {
            for (var i = 0; i < 100; i++)
                await log.AppendBatchAsync(RecordBatch.OfText($"{i} {new string('x', 2000)}"));
        }

        await using (var file = new FileStream(Path.Combine(_directory["log"], Segment), FileMode.Open, FileAccess.ReadWrite))
        {
            file.Position = HeaderBytes + 15; // the highest byte of the record count in the first frame
            file.WriteByte(0x40);
        }

        await using var reopened = DiskLog.Open(_directory["log"], options);
        await Assert.ThrowsAsync<RecordCorruptException>(() => reopened.ReadBatchAsync(0).AsTask());
        await Assert.ThrowsAsync<RecordCorruptException>(() => reopened.ReadBatchAsync(1).AsTask());
        for (var offset = 40ul; offset < 100; offset++)
            Assert.StartsWith($"{offset} ", (await reopened.ReadBatchAsync(offset))[0].ToString(), StringComparison.Ordinal);
        Assert.Equal(100ul, await reopened.AppendBatchAsync(RecordBatch.OfText("new")));
        Assert.Equal("new", (await reopened.ReadBatchAsync(100))[0].ToString());
    }

    [Theory]
    [InlineData("00000000000000000000.log", "it is the first segment, but the log starts at offset 0: segments are missing")]
    [InlineData("middle", "a segment is missing")]
    [InlineData("last", "it is the last segment, but another followed it: a segment is missing")]
    public async Task A_missing_segment_is_reported(string which, string problem)
    {
        await using (var log = DiskLog.Open(_directory["log"], new DiskLogOptions { SegmentLimitBytes = 64 * 1024 }))
        {
            for (var i = 0; i < 10; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 30_000)));
        }

        var segments = Directory.GetFiles(_directory["log"], "*.log").Order(StringComparer.Ordinal).ToList();
        File.Delete(segments[which switch { "middle" => 2, "last" => ^1, _ => 0 }]);
        var damaged = Assert.Throws<LogDamagedException>(() => DiskLog.Open(_directory["log"]));
        Assert.Contains(problem, damaged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_version_is_reported()
    {
        var bytes = await WriteAsync(close: true);
        bytes[8] = 3;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(
            bytes.AsSpan(28), Crc32C.Append(0, bytes.AsSpan(0, 28)));
        Place(bytes);
        var damaged = Assert.Throws<LogDamagedException>(() => DiskLog.Open(_directory["image"]));
        Assert.Contains("it has format version 3: this program reads versions 1 and 2", damaged.Message, StringComparison.Ordinal);
    }

    private enum Outcome
    {
        Exact,
        LastBatchCut,
        Reported,
        Wrong,
    }

    /// <summary>Returns the outcome of opening and reading a segment. A second opening must have the same outcome.</summary>
    private async Task<Outcome> OutcomeAsync(byte[] segment)
    {
        Place(segment);
        var first = await OpenAndReadAsync();
        Assert.Equal(first, await OpenAndReadAsync());
        return first;
    }

    private async Task<Outcome> OpenAndReadAsync()
    {
        try
        {
            await using var log = DiskLog.Open(_directory["image"]);
            var texts = await log.ReadAllTextAsync();
            return texts.SequenceEqual(Batches.SelectMany(batch => batch)) ? Outcome.Exact
                : texts.SequenceEqual(Batches[..^1].SelectMany(batch => batch)) ? Outcome.LastBatchCut
                : Outcome.Wrong;
        }
        catch (Exception exception) when (exception is LogDamagedException or RecordCorruptException)
        {
            return Outcome.Reported;
        }
    }

    private void Place(byte[] segment)
    {
        Directory.CreateDirectory(_directory["image"]);
        File.WriteAllBytes(Path.Combine(_directory["image"], Segment), segment);
    }

    /// <summary>
    /// Returns the bytes of a log with three batches, as a close leaves it, or as a crash after the last append leaves it.
    /// </summary>
    private async Task<byte[]> WriteAsync(bool close)
    {
        await using (var log = DiskLog.Open(_directory["log"]))
        {
            foreach (var batch in Batches)
                await log.AppendBatchAsync(RecordBatch.OfText(batch));
            if (!close)
            {
                _directory.Copy("log", "crashed");
                return File.ReadAllBytes(Path.Combine(_directory["crashed"], Segment))[..(HeaderBytes + 4096)];
            }
        }

        return File.ReadAllBytes(Path.Combine(_directory["log"], Segment));
    }

    private static int LastFrameBytes() => LogKit.Disk.Format.FrameHeader.SizeBytes + RecordBatch.OfText(Batches[^1]).SizeBytes;
}
