using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace LogKit.Benchmarks.Disk;

/// <summary>The ceiling for reads: a bare loop that reads the files of the log.</summary>
internal sealed class BareReads(string directory) : IDisposable
{
    private readonly SafeFileHandle[] _files =
    [
        .. Directory
            .GetFiles(directory, "*.log")
            .Order(StringComparer.Ordinal)
            .Select(path => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)),
    ];

    public Task<double> SequentialMegabytesPerSecondAsync() => Task.Run(() =>
    {
        var started = Stopwatch.GetTimestamp();
        var buffer = new byte[64 * 1024];
        var bytes = 0L;
        foreach (var file in _files)
        {
            for (var position = 0L; RandomAccess.Read(file, buffer, position) is var read && read > 0; position += read)
                bytes += read;
        }

        return bytes / 1e6 / Stopwatch.GetElapsedTime(started).TotalSeconds;
    });

    public Task<double> RandomReadsPerSecondAsync(int bytes, double seconds) => Task.Run(() =>
    {
        var random = new Random(1);
        var lengths = Array.ConvertAll(_files, RandomAccess.GetLength);
        var count = 0L;
        var started = Stopwatch.GetTimestamp();
        for (; Stopwatch.GetElapsedTime(started).TotalSeconds < seconds; count++)
        {
            var file = random.Next(_files.Length);
            var buffer = new byte[bytes]; // a read that hands its bytes to the caller needs a new buffer
            RandomAccess.Read(_files[file], buffer, random.NextInt64(Math.Max(1, lengths[file] - bytes)));
        }

        return count / Stopwatch.GetElapsedTime(started).TotalSeconds;
    });

    public void Dispose()
    {
        foreach (var file in _files)
            file.Dispose();
    }
}
