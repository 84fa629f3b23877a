namespace LogKit;

/// <summary>
/// The readable offsets of a log at one instant: from <see cref="StartOffset"/> up to, not including, <see cref="NextOffset"/>.
/// </summary>
/// <param name="StartOffset">The first offset that can be read, if there is any.</param>
/// <param name="NextOffset">The offset that the next appended record will get.</param>
public readonly record struct LogRange(ulong StartOffset, ulong NextOffset)
{
    /// <summary>How many records can be read.</summary>
    public ulong Count => NextOffset - StartOffset;

    /// <summary>Whether a record with this offset can be read.</summary>
    public bool Contains(ulong offset) => StartOffset <= offset && offset < NextOffset;

    /// <summary>The range in the notation of half-open intervals: <c>[10, 40)</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"[{StartOffset}, {NextOffset})");
}
