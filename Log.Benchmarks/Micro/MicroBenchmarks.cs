using System.Numerics;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Google.Protobuf;
using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Segments;

namespace LogKit.Benchmarks.Micro;

/// <summary>The single steps of an append and of a read, each compared with the obvious alternative.</summary>
internal static class MicroBenchmarks
{
    public static int Run()
    {
        // Runs in this process. A separate process would require generating and building a project.
        var config = DefaultConfig.Instance
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "LogKit.Benchmarks"));
        Type[] all =
        [typeof(EncodeBenchmarks), typeof(DecodeBenchmarks), typeof(FrameBenchmarks), typeof(ChecksumBenchmarks), typeof(LookupBenchmarks)];
        return BenchmarkRunner.Run(all, config).All(summary => summary.Reports.All(report => report.Success)) ? 0 : 1;
    }
}

/// <summary>Encodes records as a batch, compared with the classes that the protobuf compiler generates.</summary>
[MemoryDiagnoser]
public class EncodeBenchmarks
{
    private readonly byte[][] _values = [.. Enumerable.Range(0, 100).Select(_ => new byte[100])];

    /// <summary>The peer.</summary>
    [Benchmark(Baseline = true)]
    public byte[] ByProtobuf()
    {
        var batch = new V1.RecordBatch();
        foreach (var value in _values)
            batch.Records.Add(new V1.Record { Value = UnsafeByteOperations.UnsafeWrap(value) });
        return batch.ToByteArray();
    }

    /// <summary>LogKit's encoder.</summary>
    [Benchmark]
    public ReadOnlyMemory<byte> Encode() => new RecordBatch([.. _values.Select(value => new Record(value))]).Encoded;
}

/// <summary>Decodes a batch into records, compared with the same classes.</summary>
[MemoryDiagnoser]
public class DecodeBenchmarks
{
    private readonly byte[] _encoded = new EncodeBenchmarks().ByProtobuf();

    /// <summary>The peer.</summary>
    [Benchmark(Baseline = true)]
    public int ByProtobuf() => V1.RecordBatch.Parser.ParseFrom(_encoded).Records.Count;

    /// <summary>LogKit's decoder, which validates and copies nothing.</summary>
    [Benchmark]
    public int Decode() => RecordBatch.Decode(_encoded).Count;
}

/// <summary>Builds the frame of a batch: header, checksum, and copy.</summary>
public class FrameBenchmarks
{
    private readonly RecordBatch _batch = new([.. Enumerable.Range(0, 100).Select(_ => new Record(new byte[100]))]);
    private readonly GroupBuffer _buffer = new();
    private readonly byte[] _target = new byte[16 * 1024];

    /// <summary>The ceiling: only the copy.</summary>
    [Benchmark(Baseline = true)]
    public void Copy() => _batch.Encoded.Span.CopyTo(_target);

    /// <summary>LogKit's frame.</summary>
    [Benchmark]
    public int Frame()
    {
        _buffer.Clear();
        _buffer.Add(_batch, firstOffset: 42, flushedPosition: SegmentHeader.SizeBytes, salts: new FrameSalts(1, 2));
        return _buffer.Length;
    }
}

/// <summary>Computes the checksum, compared with a plain loop over the processor's CRC instruction.</summary>
public class ChecksumBenchmarks
{
    private byte[] _bytes = [];

    /// <summary>The number of bytes.</summary>
    [Params(100, 10_000)]
    public int Bytes { get; set; }

    /// <summary>Allocates the bytes.</summary>
    [GlobalSetup]
    public void Setup() => _bytes = new byte[Bytes];

    /// <summary>The peer.</summary>
    [Benchmark(Baseline = true)]
    public uint Loop()
    {
        var crc = uint.MaxValue;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(_bytes))
            crc = BitOperations.Crc32C(crc, word);
        foreach (var single in _bytes.AsSpan(_bytes.Length & ~7))
            crc = BitOperations.Crc32C(crc, single);
        return ~crc;
    }

    /// <summary>LogKit's checksum.</summary>
    [Benchmark]
    public uint Checksum() => Crc32C.Append(0, _bytes);
}

/// <summary>
/// Looks up the position of an offset in the index of a full segment, compared with the binary search of the class library.
/// </summary>
public class LookupBenchmarks
{
    private const int Entries = 4096;

    private readonly SegmentIndex _index = new(baseOffset: 0);
    private readonly uint[] _offsets = new uint[Entries];
    private uint _next;

    /// <summary>Fills the index and the array.</summary>
    [GlobalSetup]
    public void Setup()
    {
        for (var i = 0; i < Entries; i++)
        {
            _offsets[i] = (uint)i * 120;
            _index.Add(_offsets[i], SegmentHeader.SizeBytes + ((long)i * SegmentIndex.StrideBytes));
        }
    }

    /// <summary>The peer.</summary>
    [Benchmark(Baseline = true)]
    public int BinarySearch() => Array.BinarySearch(_offsets, Next());

    /// <summary>LogKit's index.</summary>
    [Benchmark]
    public long? Lookup() => _index.Find(Next());

    private uint Next() => _next = (_next + 7919) % (Entries * 120);
}
