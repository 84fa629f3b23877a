using static System.FormattableString;

namespace LogKit.Client.Producing;

/// <summary>
/// The log contains something else at the offset of an exclusive producer's record: another writer appends to the log, or the log lost
/// records. The producer has ended. Records that it has not acknowledged may or may not be stored.
/// </summary>
/// <param name="offset">The offset at which the producer expected its own record.</param>
/// <param name="range">The range of the log.</param>
public sealed class ProducerFencedException(ulong offset, LogRange range) : LogException(offset > range.NextOffset
    ? Invariant($"the log lost records before offset {offset} that this producer appended: it holds {range}")
    : Invariant($"another writer appended at offset {offset}, although this producer is exclusive: the log holds {range}"))
{
    /// <summary>The offset at which the producer expected its own record.</summary>
    public ulong Offset { get; } = offset;
}
