using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LogKit.Benchmarks.Disk;

/// <summary>The ceiling for appends: a bare loop that writes the same bytes.</summary>
internal sealed partial class BareFile : IDisposable
{
    private const long ReservedBytes = 64 * 1024 * 1024;

    private readonly SafeFileHandle _file;
    private readonly byte[] _bytes;
    private long _position;

    public BareFile(string path, int writeBytes)
    {
        _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite);
        _bytes = new byte[writeBytes];
        Random.Shared.NextBytes(_bytes);
        var zeros = new byte[1024 * 1024];
        for (var position = 0L; position < ReservedBytes; position += zeros.Length)
            RandomAccess.Write(_file, zeros, position);
        Fdatasync(_file);
    }

    /// <summary>Writes into preallocated space, and flushes each write.</summary>
    public Task<double> DurableWritesPerSecondAsync(double seconds) =>
        Task.Run(() => WritesPerSecond(seconds, flush: true, wrapAt: ReservedBytes));

    /// <summary>Writes to a file that grows as a log does, without preallocated space.</summary>
    public Task<double> GrowingWritesPerSecondAsync(double seconds, bool flush) => Task.Run(() =>
    {
        _position = 0;
        var result = WritesPerSecond(seconds, flush, wrapAt: long.MaxValue);
        RandomAccess.SetLength(_file, 0); // drops unflushed data, which would otherwise be written during the other measurement
        return result;
    });

    public void Dispose() => _file.Dispose();

    private double WritesPerSecond(double seconds, bool flush, long wrapAt)
    {
        var started = Stopwatch.GetTimestamp();
        var count = 0L;
        for (; Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; count++)
        {
            if (_position + _bytes.Length > wrapAt)
                _position = 0;
            RandomAccess.Write(_file, _bytes, _position);
            _position += _bytes.Length;
            if (flush && Fdatasync(_file) != 0)
                throw new IOException("fdatasync failed");
        }

        return count / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int Fdatasync(SafeFileHandle file);
}
