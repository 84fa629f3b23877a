using System.Runtime;

namespace LogKit.Grpc.Guard;

/// <summary>
/// Gives memory back to the operating system after a time in which calls held much of it. The runtime by itself would do so with the next
/// full collection, which a server that has nothing to do never gets to.
/// </summary>
internal sealed class MemoryReturn
{
    /// <summary>What calls must have held for it to be worth a full collection.</summary>
    private const long WorthwhileBytes = 8 * 1024 * 1024;

    /// <summary>The least time between two collections.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private long _peakBytes; // only the timer's callback touches it, like the next
    private int _quietTimes;
    private long _collectedAt; // 0 if never

    /// <summary>Called at intervals, with what calls hold at that moment.</summary>
    /// <param name="heldBytes">That many bytes.</param>
    /// <param name="time">The clock.</param>
    public void Look(long heldBytes, TimeProvider time)
    {
        if (heldBytes > _peakBytes / 8)
        {
            _peakBytes = Math.Max(_peakBytes, heldBytes);
            _quietTimes = 0;
            return;
        }

        if (_peakBytes < WorthwhileBytes || ++_quietTimes < 2 || (_collectedAt != 0 && time.GetElapsedTime(_collectedAt) < Interval))
            return;
        _collectedAt = time.GetTimestamp();
        (_peakBytes, _quietTimes) = (0, 0);
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }
}
