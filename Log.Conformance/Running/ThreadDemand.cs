using System.Diagnostics;

namespace LogKit.Conformance.Running;

/// <summary>How many threads the process has, and how many more its queued work asks for.</summary>
internal static class ThreadDemand
{
    private const int Samples = 8;

    /// <summary>The lowest of several samples, because peaks have many reasons. Blocks the thread meanwhile.</summary>
    public static int Measure(TimeSpan duration)
    {
        var lowest = int.MaxValue;
        for (var i = 0; i < Samples; i++)
        {
            Thread.Sleep(duration / Samples);
            using var process = Process.GetCurrentProcess();
            lowest = (int)Math.Min(lowest, process.Threads.Count + ThreadPool.PendingWorkItemCount);
        }

        return lowest;
    }
}
