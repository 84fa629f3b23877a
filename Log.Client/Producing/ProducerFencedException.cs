using static System.FormattableString;

namespace LogKit.Client.Producing;

/// <summary>
/// Where an exclusive producer's record would stand, something else does: another writer appends to the log, or it came back shorter
/// than it was. The producer is at an end. What it has not acknowledged may be stored or not.
/// </summary>
/// <param name="offset">Where the producer expected its own record.</param>
/// <param name="range">What the log held.</param>
public sealed class ProducerFencedException(ulong offset, LogRange range) : LogException(offset > range.NextOffset
    ? Invariant($"the log lost records before offset {offset}, which this producer counted on: it holds {range}")
    : Invariant($"another writer appended at offset {offset}, which this producer had for itself: the log holds {range}"))
{
    /// <summary>Where the producer expected its own record.</summary>
    public ulong Offset { get; } = offset;
}
