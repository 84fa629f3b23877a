using LogKit.Disk.Format;
using LogKit.Disk.Storage;

using static System.FormattableString;

namespace LogKit.Disk.Inspection;

/// <summary>The files of a log by their names, and what its start says: what is known before any segment is read.</summary>
internal sealed class LogFiles
{
    /// <summary>What START says; 0 without one; null where it cannot be told.</summary>
    public ulong? StartOffset { get; private init; }

    /// <summary>The base offsets of the segments, ascending.</summary>
    public required ulong[] Bases { get; init; }

    /// <summary>What is wrong with the start.</summary>
    public required IReadOnlyList<LogDamage> Damages { get; init; }

    /// <exception cref="FileNotFoundException">There is no log.</exception>
    public static LogFiles Read(IStorage storage)
    {
        var names = storage.List();
        var bases = new List<ulong>();
        foreach (var name in names)
        {
            if (SegmentName.TryParse(name, out var baseOffset))
                bases.Add(baseOffset);
        }

        bases.Sort();
        var hasStart = names.Contains(StartFile.Name);
        if (bases.Count == 0 && !hasStart)
            throw new FileNotFoundException($"there is no log in {storage.Location}");

        var damages = new List<LogDamage>();
        ulong? startOffset = hasStart ? ReadStart(storage, damages) : 0;
        if (bases.Count == 0 && startOffset != 0)
        {
            damages.Add(new LogDamage(DamageKind.Records, StartFile.Name, 0, startOffset, startOffset is { } start
                ? Invariant($"the log starts at offset {start} but has no segments")
                : "the log has no segments"));
        }
        else if (bases.Count > 0 && startOffset < bases[0])
        {
            damages.Add(new LogDamage(DamageKind.Records, SegmentName.Of(bases[0]), 0, startOffset, Invariant(
                $"it is the first segment, but the log starts at offset {startOffset}: segments are missing")));
        }

        return new LogFiles { StartOffset = startOffset, Bases = [.. bases], Damages = damages };
    }

    /// <summary>Whether a segment lies before the start as a whole: a truncation did not come to its end.</summary>
    public bool IsTruncated(int index) => index + 1 < Bases.Length && Bases[index + 1] <= StartOffset;

    /// <summary>The base offsets of the segments that follow one.</summary>
    public IReadOnlyList<ulong> LaterBases(int index) => new ArraySegment<ulong>(Bases)[(index + 1)..];

    private static ulong? ReadStart(IStorage storage, List<LogDamage> damages)
    {
        try
        {
            if (StartFile.Read(storage, out var startOffset) is not { } problem)
                return startOffset;
            damages.Add(new LogDamage(SegmentInspector.KindOf(problem, DamageKind.Start), StartFile.Name, problem.Position, null, problem.Text));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            damages.Add(new LogDamage(DamageKind.Unreadable, StartFile.Name, 0, null, $"it cannot be read: {exception.Message}"));
        }

        return null;
    }
}
