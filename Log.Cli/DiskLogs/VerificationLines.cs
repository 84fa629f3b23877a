using LogKit.Cli.Streams;
using LogKit.Disk.Inspection;

namespace LogKit.Cli.DiskLogs;

/// <summary>Formats a verification as lines: damage to the log as a whole, each segment, and a summary.</summary>
internal static class VerificationLines
{
    public static async Task WriteAsync(LogVerification log, LineOutput output)
    {
        foreach (var damage in log.StartDamages)
            await output.WriteLineAsync($"{damage.File}: {damage}");
        foreach (var segment in log.Segments)
            await output.WriteLineAsync($"{segment.File}: {Content(segment)}: {State(segment)}");
        if (log.IsSound)
            await output.WriteLineAsync($"sound: {log.Range}, {Count((ulong)log.Segments.Count, "segment")}");
        else
            await output.WriteLineAsync($"damaged: {Count((ulong)log.Damages.Count(), "problem")}");
    }

    /// <summary>Formats a number of things: <c>1,234 records</c>.</summary>
    public static string Count(ulong number, string what) =>
        FormattableString.Invariant($"{number:N0} {what}{(number == 1 ? "" : "s")}");

    /// <summary>Formats a range of offsets, excluding the end: <c>offsets 3 to 7</c>.</summary>
    public static string Offsets(ulong first, ulong next) => (next - first) switch
    {
        0 => FormattableString.Invariant($"no offsets from {first}"),
        1 => FormattableString.Invariant($"offset {first}"),
        _ => FormattableString.Invariant($"offsets {first} to {next - 1}"),
    };

    private static string Content(SegmentReport segment)
    {
        var offsets = Offsets(segment.BaseOffset, segment.NextOffset);
        return segment.IsUnflushed ? FormattableString.Invariant($"from offset {segment.BaseOffset}")
            : segment.IsTruncated ? offsets
            : $"{offsets}, {Count(segment.RecordCount, "record")}, {Count((ulong)segment.FrameCount, "frame")}, "
                + Count((ulong)segment.LengthBytes, "byte");
    }

    private static string State(SegmentReport segment)
    {
        if (segment.IsTruncated)
            return "truncated, not checked: opening the log removes it";
        if (segment.IsUnflushed)
            return "follows records that were lost before they were flushed, not checked: opening the log removes it";
        if (segment.Damage is { } damage)
            return damage.ToString();
        var state = segment.IsSealed ? "sound, sealed" : "sound, not sealed";
        return segment.UnfinishedBytes == 0 ? state : $"{state}, unfinished tail of {Count((ulong)segment.UnfinishedBytes, "byte")}";
    }
}
