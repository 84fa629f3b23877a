using System.Runtime;

namespace LogKit.Grpc.Guard;

/// <summary>
/// Returns memory to the operating system after a time in which calls held much of it. The runtime would do so in its next full collection,
/// which an idle server never reaches.
/// </summary>
internal sealed class MemoryReturn
{
    /// <summary>The number of bytes that calls must have held to make a full collection worthwhile.</summary>
    private const long WorthwhileBytes = 8 * 1024 * 1024;

    /// <summary>The minimum time between two collections.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private long _peakBytes; // used by the timer callback only, like the next field
    private int _quietTimes;
    private long _collectedAt; // 0 if never

    /// <summary>Called periodically.</summary>
    /// <param name="heldBytes">The bytes that calls currently hold.</param>
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
