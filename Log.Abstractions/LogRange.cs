namespace LogKit;

/// <summary>
/// The readable offsets of a log at one instant: from <see cref="StartOffset"/> up to but not including <see cref="NextOffset"/>.
/// </summary>
/// <param name="StartOffset">The first offset that can be read, unless the range is empty.</param>
/// <param name="NextOffset">The offset that the next appended record will get.</param>
public readonly record struct LogRange(ulong StartOffset, ulong NextOffset)
{
    /// <summary>The number of records that can be read.</summary>
    public ulong Count => NextOffset - StartOffset;

    /// <summary>Whether the record at an offset can be read.</summary>
    public bool Contains(ulong offset) => StartOffset <= offset && offset < NextOffset;

    /// <summary>The range as a half-open interval: <c>[10, 40)</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"[{StartOffset}, {NextOffset})");
}
