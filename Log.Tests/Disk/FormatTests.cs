using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using LogKit.Disk;
using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;
using LogKit.Tests.Support;

namespace LogKit.Tests.Disk;

/// <summary>No version of the format changes: writing the same input gives the same bytes as before, and old files can be read.</summary>
public sealed partial class FormatTests : IDisposable
{
    private const uint Salt = 0x5EED_1234;
    private const ulong BaseOffset = 3;

    private static readonly Guid LogId = new("00112233-4455-6677-8899-aabbccddeeff");

    private static readonly string[][] Batches = [["three"], ["four", "five", ""], ["seven ünïcode"]];

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("v1", false)]
    [InlineData("v1-origin", true)]
    [InlineData("v2", true)]
    public void The_written_bytes_equal_the_golden_files(string golden, bool isFull)
    {
        var isVersion2 = golden == "v2";
        using var storage = new FileStorage(_directory.Path);
        SegmentOrigin? origin = isFull
            ? new SegmentOrigin(1_800_000_000_000, IsAfterUnflushed: true, IsAfterClockChange: isVersion2)
            : null;
        SegmentLineage? lineage = isVersion2 ? new SegmentLineage(LogId, PreviousSalt: 0x5EED_1233, FrameSalt: 0x5EED_5678) : null;
        var writer = SegmentWriter.Create(
            storage, new OpenSegments(), new SegmentHeader(BaseOffset, Salt, origin, lineage), new ReservePolicy(4096, IsWritten: true));
        var offset = BaseOffset;
        foreach (var texts in Batches)
        {
            var batch = RecordBatch.OfText(texts);
            var buffer = new GroupBuffer();
            buffer.Add(batch, offset, writer.FlushedPosition, writer.Segment.Header.Salts);
            writer.Reserve(buffer.Length);
            writer.Segment.Add(offset, writer.Position);
            writer.Write(buffer.Bytes);
            writer.Flush();
            offset += (ulong)batch.Count;
        }

        writer.Segment.End = writer.Position;
        writer.Seal(offset, isFollowed: isFull);
        if (isFull)
            writer.Segment.Finish();
        writer.Segment.Remove();
        StartFile.Replace(storage, 5, lineage?.LogId);
        if (isVersion2)
            LockFile.Write(storage.Lock(LockFile.Name, canCreate: true)!, LogId);
        storage.Dispose(); // also releases the lock
        foreach (var path in Directory.GetFiles(Repository.PathOf($"Log.Tests/Disk/golden/{golden}")))
            Assert.Equal(
                Convert.ToHexString(File.ReadAllBytes(path)), Convert.ToHexString(File.ReadAllBytes(_directory[Path.GetFileName(path)])));
    }

    [Fact]
    public async Task The_golden_files_can_be_read()
    {
        foreach (var path in Directory.GetFiles(Repository.PathOf("Log.Tests/Disk/golden/v1")))
            File.Copy(path, _directory[Path.GetFileName(path)]);
        await using var log = DiskLog.Open(_directory.Path);
        Assert.True(log.Recovery.WasClosedCleanly);
        Assert.Equal(new LogRange(5, 8), await log.GetRangeAsync());
        Assert.Equal(["five", "", "seven ünïcode"], await log.ReadAllTextAsync());
    }

    [Fact]
    public void The_worked_example_in_the_specification_is_the_golden_segment()
    {
        var file = File.ReadAllBytes(Repository.PathOf("Log.Tests/Disk/golden/v2/00000000000000000003.log"));
        var shown = new byte[file.Length];
        var page = Repository.Read("Log.Disk/FORMAT.md");
        var lines = ExampleLine().Matches(page[page.IndexOf("## A worked example", StringComparison.Ordinal)..]);
        Assert.Equal(52, lines.Count);
        foreach (Match line in lines)
        {
            var bytes = Convert.FromHexString(line.Groups["bytes"].Value.Replace(" ", "", StringComparison.Ordinal));
            bytes.CopyTo(shown, int.Parse(line.Groups["position"].Value, CultureInfo.InvariantCulture));
            if (line.Groups["text"] is { Success: true, Value: var text })
                Assert.Equal(text, Encoding.UTF8.GetString(bytes));
            if (line.Groups["number"] is { Success: true, Value: var number })
                Assert.Equal(ulong.Parse(number, CultureInfo.InvariantCulture), LittleEndian(bytes));
        }

        Assert.Equal(Convert.ToHexString(file), Convert.ToHexString(shown));

        static ulong LittleEndian(byte[] bytes) => bytes.Reverse().Aggregate(0ul, (value, next) => (value << 8) | next);
    }

    // Matches a line of the example:  4100  09 00 00 00    payload length = 9
    [GeneratedRegex(
        @"^ *(?<position>\d+)  (?<bytes>([0-9a-f]{2} )+) +[^=\n]*(= (""(?<text>[^""\n]*)""|(?<number>\d+)))?$",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ExampleLine();

    [Fact]
    public void The_golden_index_and_origin_can_be_read()
    {
        using var storage = new FileStorage(Repository.PathOf("Log.Tests/Disk/golden/v1-origin"));
        using var file = storage.Open(SegmentName.Of(BaseOffset), canWrite: false);
        Assert.Null(SegmentHeader.Read(file, BaseOffset, new byte[SegmentHeader.SizeBytes], out var header, out var seal));
        Assert.Equal(new SegmentOrigin(1_800_000_000_000, IsAfterUnflushed: true), header.Origin);
        Assert.True(seal!.Value.IsFollowed);
        var index = IndexFile.TryRead(storage, header, seal.Value.Position);
        Assert.Equal([new SegmentIndex.Entry(0, SegmentHeader.SizeBytes)], index!.Entries);
    }

    [Theory]
    [InlineData("", 0u)]
    [InlineData("123456789", 0xE3069283u)] // the check value of CRC-32C in the catalog of parameterized CRC algorithms
    public void The_checksum_is_crc_32c(string text, uint expected) =>
        Assert.Equal(expected, Crc32C.Append(0, System.Text.Encoding.ASCII.GetBytes(text)));

    [Fact]
    public void The_checksum_of_long_input_matches_the_definition()
    {
        var bytes = Enumerable.Range(0, 10_000).Select(i => (byte)(i * 131)).ToArray();
        foreach (var length in (int[])[7, 8, 383, 384, 385, 3071, 3072, 3073, 3456, 9999, 10_000])
        {
            var crc = uint.MaxValue;
            foreach (var value in bytes.AsSpan(0, length))
            {
                crc ^= value;
                for (var bit = 0; bit < 8; bit++)
                    crc = (crc >> 1) ^ ((crc & 1) == 0 ? 0 : 0x82F63B78); // the polynomial, with its bits reversed
            }

            Assert.Equal(~crc, Crc32C.Append(0, bytes.AsSpan(0, length)));
        }
    }

    [Fact]
    public void A_checksum_can_continue_from_another()
    {
        var bytes = Enumerable.Range(0, 5000).Select(i => (byte)i).ToArray();
        for (var i = 0; i <= bytes.Length; i += 97)
            Assert.Equal(Crc32C.Append(0, bytes), Crc32C.Append(Crc32C.Append(0, bytes.AsSpan(0, i)), bytes.AsSpan(i)));
    }
}
