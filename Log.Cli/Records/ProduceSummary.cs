using System.Globalization;

namespace LogKit.Cli.Records;

/// <summary>The number of records produced, and their offsets.</summary>
internal sealed class ProduceSummary
{
    private ulong _first;
    private ulong _next;

    public ulong Records { get; private set; }

    /// <summary>The size of the values, in bytes.</summary>
    public long Bytes { get; private set; }

    public void Add(ulong firstOffset, RecordBatch batch)
    {
        if (Records == 0)
            _first = firstOffset;
        _next = firstOffset + (ulong)batch.Count;
        Records += (ulong)batch.Count;
        foreach (var record in batch)
            Bytes += record.Value.Length;
    }

    /// <summary>For the end of the command: <c>1,234 records (56,789 bytes), offsets 0 to 1233</c>.</summary>
    public override string ToString() => Records == 0 ? Count
        : string.Create(CultureInfo.InvariantCulture, $"{Count} ({Bytes:N0} {(Bytes == 1 ? "byte" : "bytes")}), {Offsets}");

    /// <summary>For continuing after a failure: <c>offsets 0 to 499, 500 records</c>.</summary>
    public string Acknowledged => $"{Offsets}, {Count}";

    public string Count => string.Create(CultureInfo.InvariantCulture, $"{Records:N0} {(Records == 1 ? "record" : "records")}");

    // If others append at the same time, their records are in between.
    private string Offsets => Records == 1
        ? string.Create(CultureInfo.InvariantCulture, $"offset {_first}")
        : string.Create(CultureInfo.InvariantCulture, $"offsets {_first} to {_next - 1}")
            + (_next - _first == Records ? "" : " with other producers' between");
}
