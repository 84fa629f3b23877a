using System.Buffers.Binary;
using LogKit.Disk.Format;

namespace LogKit.Tests.Disk;

/// <summary>What opening does with a tail, in the terms of FORMAT.md.</summary>
internal enum TailOutcome
{
    Opens,
    Cut,
    Refused,
}

/// <summary>A row of the table, with the bytes that it describes.</summary>
/// <param name="Finding">The finding, as the table words it.</param>
/// <param name="Outcome">What opening does.</param>
/// <param name="Tails">The bytes after the valid frames of a scene. Each element is a case.</param>
internal sealed record TailRow(string Finding, TailOutcome Outcome, Func<TailScene, IEnumerable<byte[]>> Tails)
{
    /// <summary>The outcome in a segment of version 1, whose frame headers have no checksum of their own; null if it is the same.</summary>
    public (TailOutcome Outcome, string Problem)? Version1 { get; init; }

    /// <summary>Returns the row for a version of the format.</summary>
    public TailRow Of(uint version) =>
        version == 1 && Version1 is var (outcome, problem) ? this with { Outcome = outcome, Problem = problem } : this;

    /// <summary>The outcome, as FORMAT.md words it.</summary>
    public string Verdict =>
        Version1 is var (outcome, _) && outcome != Outcome ? $"{Text(Outcome)}; version 1: {Text(outcome)}" : Text(Outcome);

    private static string Text(TailOutcome outcome) => outcome.ToString().ToLowerInvariant();

    /// <summary>The number of frames in the tail that are valid and kept.</summary>
    public int Kept { get; init; }

    /// <summary>A part of the error message; for a log that opens, of the problem that verification reports in the margin.</summary>
    public string Problem { get; init; } = "";

    /// <summary>The positions in a sector at which the valid frames end. Each is a case.</summary>
    public IEnumerable<int> SectorPositions { get; init; } = [100];

    /// <summary>Whether there are no valid frames before the tail.</summary>
    public bool IsEmpty { get; init; }

    /// <summary>The record of the first frame in the tail, for cases that depend on its length.</summary>
    public Func<TailScene, string> TextOfFirst { get; init; } = scene => scene.TextOfA;

    public Func<TailScene, Seal?> Seal { get; init; } = _ => null;

    public uint SealSalt { get; init; } = TailScene.Salt;

    /// <summary>Changes to the file as a whole, with the position of the damage. Each is a case.</summary>
    public Func<byte[], IEnumerable<(byte[] Bytes, long DamagedAt)>>? Files { get; init; }
}

/// <summary>The rows of the table "What can be found at the tail" in FORMAT.md, in the same order.</summary>
internal static class TailTable
{
    private const string NoFrame = "data that is not a frame";
    private const string WrongChecksum = "the frame is complete, but its checksum does not match";
    private const string OnceFlushed = "no valid frame, although the segment was flushed up to byte ";

    // The positions of the fields in a frame header.
    private const int Checksum = 0, Length = 4, Type = 8, Count = 12, Offset = 16, Flushed = 24, Payload = TailScene.FrameHeaderBytes;

    public static IReadOnlyList<TailRow> Rows { get; } =
    [
        // Nothing is wrong.
        new("nothing: the file ends with the frames", TailOutcome.Opens, _ => [[]]),
        new("zeros, however many", TailOutcome.Opens, _ => [new byte[1], new byte[412], new byte[8192], new byte[3 << 20]]),
        new("nothing or zeros, and there is no frame before", TailOutcome.Opens, _ => [[], new byte[1], new byte[8192]]) { IsEmpty = true },
        new("whole frames that nothing says were flushed", TailOutcome.Opens, s => [s.Group, [.. s.Group, .. new byte[512]]]) { Kept = 3 },
        new("a whole frame whose payload is a copy of the segment", TailOutcome.Opens, s =>
            [WithCopy(s, s.File(s.Group, AtEnd(s), TailScene.Salt))]) { Kept = 1 },
        new("nothing or zeros, and the seal fits", TailOutcome.Opens, _ => [[], new byte[8192]]) { Seal = AtEnd },
        new("a whole frame behind a seal that fits", TailOutcome.Opens, s => [s.A, [.. s.A, .. new byte[512]]]) { Seal = AtEnd, Kept = 1 },
        new("the seal is damaged, or another segment's", TailOutcome.Opens, _ => [[], new byte[8192]])
        {
            Seal = AtEnd, SealSalt = TailScene.OtherSalt, Problem = "the seal is damaged",
        },
        new("the seal ends inside a frame that is whole", TailOutcome.Opens, _ => [[], new byte[8192]])
        {
            Seal = s => new Seal(s.Position - 1, s.NextOffset), Problem = "does not match the frames",
        },

        // A write ended early.
        new("the file ends inside a frame's header", TailOutcome.Cut, s => Each(1..Payload, length => s.A[..length])),
        new("the file ends inside a frame's payload", TailOutcome.Cut, s => EachEnd(s, length => s.A[..length])),
        new("zeros from some byte of a frame's header on", TailOutcome.Cut, s => Each(1..Payload, length => Without(s.Group, length..))),
        new("zeros from some byte of a frame's payload on", TailOutcome.Cut, s => EachEnd(s, length => Without(s.Group, length..))),
        new("a write that ended early, and there is no frame before", TailOutcome.Cut, s =>
            EachEnd(s, length => Without(s.Group, length..)))
        {
            IsEmpty = true,
        },
        new("a write that ended early behind a seal that fits", TailOutcome.Cut, s => EachEnd(s, length => s.A[..length]))
        {
            Seal = AtEnd,
        },
        new("a write that ended early in a group's second frame", TailOutcome.Cut, s =>
            Each((s.A.Length + 1)..(s.A.Length + s.B.Length), length => Without(s.Group, length..))) { Kept = 1 },

        // A write lacks sectors.
        new("one sector of a frame is missing, whichever", TailOutcome.Cut, s => SectorsOfA(s).Select(sector => Without(s.Group, sector))),
        new("several sectors of a frame are missing", TailOutcome.Cut, s =>
            Subsets(SectorsOfA(s)).Where(sectors => sectors.Count > 1).Select(sectors => Without(s.Group, [.. sectors]))),
        new("a whole frame is missing, and the group's later ones are whole", TailOutcome.Cut, s => [Without(s.Group, ..s.A.Length)]),
        new("a sector is missing, and there is no frame before", TailOutcome.Cut, s =>
            SectorsOfA(s).Select(sector => Without(s.Group, sector)))
        {
            IsEmpty = true,
        },
        new("a header lies across two sectors, the first of them missing", TailOutcome.Cut, s => [Without(s.Group, SectorsOfA(s)[0])])
        {
            SectorPositions = Enumerable.Range(481, 31),
        },
        new("a header lies across two sectors, the second of them missing", TailOutcome.Cut, s => [Without(s.Group, SectorsOfA(s)[1])])
        {
            SectorPositions = Enumerable.Range(481, 31),
        },
        new("a group's second frame lacks a sector, and the third is whole", TailOutcome.Cut, SecondLacksSector) { Kept = 1 },
        new("a sector of a large write is missing, for which no zeros were written before", TailOutcome.Cut, LargeLacksSector)
        {
            TextOfFirst = _ => new string('a', 300_000),
        },
        new("a sector is missing of a frame whose payload is a copy of the segment's frames", TailOutcome.Cut, CopyLacksSector),
        new("zeros to the end of the sector, and something in a later one", TailOutcome.Cut, s =>
            [[.. new byte[412], 1], [.. new byte[412], .. Garbage(700)], [.. new byte[3 << 20], .. Garbage(700)]]),

        // The tail may be an unfinished write.
        new("something shorter than a header", TailOutcome.Cut, _ => Each(1..Payload, Garbage)),
        new("a length that goes beyond what is there", TailOutcome.Refused, s =>
            ((int[])[s.A.Length - Payload + 1, 100_000, FrameHeader.PayloadLimitBytes]).Select(length => With(s.A, Length, length)))
        {
            Problem = NoFrame, Version1 = (TailOutcome.Cut, ""),
        },
        new("a header sector is missing, and the payload is full of headers", TailOutcome.Cut, s => [ManyHeaders(s)])
        {
            Version1 = (TailOutcome.Refused, "too much data follows to tell why"),
        },
        new("a header that cannot be read, of which there are only zeros in the next sector", TailOutcome.Refused, s =>
            [With(s.A, Type, 2)])
        {
            SectorPositions = [481, 482, 483, 484], Problem = NoFrame, Version1 = (TailOutcome.Cut, ""),
        },
        new("a flipped bit in a frame of which a sector holds zeros only", TailOutcome.Cut, s =>
            [Flipped(s.Frame(s.NextOffset, s.Position, new string('\0', 2000), "end"), ^1)]),

        // Nothing is missing, but something does not match.
        new("the checksum was changed", TailOutcome.Refused, s => EachBit(s.Group, Checksum..Length)) { Problem = WrongChecksum },
        new("the payload was changed", TailOutcome.Refused, s =>
            [.. EachBit(s.Frame(s.NextOffset, s.Position, "small"), Payload..), .. EachBit(s.A, Payload..(Payload + 10))])
        {
            Problem = WrongChecksum,
        },
        new("the length was made less", TailOutcome.Refused, s => EachEnd(s, end => With(s.Group, Length, Math.Max(1, end - Payload))))
        {
            Problem = NoFrame, Version1 = (TailOutcome.Refused, WrongChecksum),
        },
        new("the length was made more, and so much is there", TailOutcome.Refused, s =>
            Each(s.A.Length..s.Group.Length, end => With(s.Group, Length, end - Payload + 1)))
        {
            Problem = NoFrame,
            Version1 = (TailOutcome.Refused, WrongChecksum),
        },
        new("the length is none, negative, or above the limit", TailOutcome.Refused, s =>
            ((int[])[0, -1, int.MinValue, FrameHeader.PayloadLimitBytes + 1]).SelectMany(length => s.Signed(With(s.A, Length, length))))
        {
            Problem = NoFrame,
        },
        new("the type is none or unknown", TailOutcome.Refused, s => EachBit(s.A, Type..Count).SelectMany(s.Signed)) { Problem = NoFrame },
        new("the number of records is none or negative", TailOutcome.Refused, s =>
            ((int[])[0, -1, int.MinValue]).SelectMany(count => s.Signed(With(s.A, Count, count)))) { Problem = NoFrame },
        new("the number of records was changed", TailOutcome.Refused, s =>
            ((int[])[2, 3, int.MaxValue]).Select(count => With(s.A, Count, count)))
        {
            Problem = NoFrame,
            Version1 = (TailOutcome.Refused, WrongChecksum),
        },
        new("the offset is lower or higher than the next one", TailOutcome.Refused, s => EachBit(s.A, Offset..Flushed).SelectMany(s.Signed))
        {
            Problem = NoFrame,
        },
        new("the flushed position lies before all frames, or behind its own", TailOutcome.Refused, s =>
            ((long[])[0, 4095, s.Position + 1, long.MaxValue, -1]).SelectMany(flushed => s.Signed(With(s.A, Flushed, flushed))))
        {
            Problem = NoFrame,
        },
        new("the flushed position was changed", TailOutcome.Refused, s =>
            ((long[])[4096, s.Position - 1]).Select(flushed => With(s.A, Flushed, flushed)))
        {
            Problem = NoFrame,
            Version1 = (TailOutcome.Refused, WrongChecksum),
        },
        new("a first frame was changed, and there is none before", TailOutcome.Refused, s => EachBit(s.Group, 600..604))
        {
            IsEmpty = true, Problem = WrongChecksum,
        },
        new("a changed byte in a group's second frame, and the third is whole", TailOutcome.Refused, s =>
            EachBit(s.Group, (s.A.Length + Payload)..(s.A.Length + s.B.Length)))
        {
            Kept = 1,
            Problem = WrongChecksum,
        },
        new("a changed byte, and the header lies across two sectors", TailOutcome.Refused, s =>
            [Flipped(s.Group, 0), Flipped(s.Group, Payload)])
        {
            SectorPositions = Enumerable.Range(481, 31),
            Problem = WrongChecksum,
        },
        new("a frame of another segment", TailOutcome.Refused, s => [s.FrameOfAnother(s.NextOffset, s.Position, s.TextOfA)])
        {
            Problem = NoFrame,
            Version1 = (TailOutcome.Refused, WrongChecksum),
        },
        new("a copy of the segment's own frames", TailOutcome.Refused, s => [s.Sound, [.. s.Sound, .. s.A]]) { Problem = NoFrame },
        new("something that is no frame", TailOutcome.Refused, _ => [Garbage(32), Garbage(5000), [.. Garbage(32), .. new byte[8192]]])
        {
            Problem = NoFrame,
        },
        new("something that is no frame behind a seal that fits", TailOutcome.Refused, _ => [Garbage(32), Garbage(5000)])
        {
            Seal = AtEnd, Problem = NoFrame,
        },

        // Something shows that the data was flushed.
        new("something is missing, and a later frame says that it was flushed", TailOutcome.Refused, s =>
            Subsets(SectorsOfA(s)).Select(sectors => (byte[])[.. Without(s.A, [.. sectors]), .. Later(s)])) { Problem = OnceFlushed },
        new("a changed byte, and a later frame says that it was flushed", TailOutcome.Refused, s =>
            EachBit(s.A, ..(Payload + 2)).Select(changed => (byte[])[.. changed, .. Later(s)])) { Problem = OnceFlushed },
        new("something is missing before the end that the seal tells", TailOutcome.Refused, s =>
            [new byte[8192], .. EachEnd(s, length => Without(s.A, length..)), .. SectorsOfA(s).Select(sector => Without(s.A, sector))])
        {
            Seal = AfterA, Problem = OnceFlushed,
        },
        new("the file ends before the end that the seal tells", TailOutcome.Refused, s => [[], .. EachEnd(s, length => s.A[..length])])
        {
            Seal = AfterA, Problem = OnceFlushed,
        },
        new("a changed byte before the end that the seal tells", TailOutcome.Refused, s => EachBit(s.A, ..(Payload + 2)))
        {
            Seal = AfterA, Problem = OnceFlushed,
        },
        new("the seal says that a segment follows, and there is none", TailOutcome.Refused, s => [[], new byte[8192]])
        {
            Seal = s => new Seal(s.Position, s.NextOffset, IsFollowed: true), Problem = "a segment is missing",
        },
        new("so many headers that their checksums are not worth the work", TailOutcome.Refused, TooMuch)
        {
            Problem = NoFrame, Version1 = (TailOutcome.Refused, "too much data follows to tell why"),
        },

        // The header of the file.
        new("the file ends inside its own header, or is empty", TailOutcome.Refused, _ => [[]])
        {
            Files = bytes => ((int[])[0, 1, 31, 512, 4095]).Select(length => (bytes[..length], (long)length)),
            Problem = "the file ends inside its header",
        },
        new("the file's own header was changed", TailOutcome.Refused, _ => [[]])
        {
            Files = ChangedHeader, Problem = "the header",
        },
    ];

    private static IEnumerable<(byte[] Bytes, long DamagedAt)> ChangedHeader(byte[] bytes)
    {
        var identity = EachBit(bytes, ..32).Select(changed => (changed, 0L));
        return bytes[8] == 1 ? identity : identity.Concat(EachBit(bytes, 48..76).Select(changed => (changed, 48L)));
    }

    private static Seal? AtEnd(TailScene scene) => new Seal(scene.Position, scene.NextOffset);

    private static Seal? AfterA(TailScene scene) => new Seal(scene.Position + scene.A.Length, scene.NextOffset + 1);

    /// <summary>Returns a frame after A that was written after A was flushed.</summary>
    private static byte[] Later(TailScene scene) => scene.Frame(scene.NextOffset + 1, scene.Position + scene.A.Length, "later");

    private static byte[] WithCopy(TailScene scene, byte[] copy) =>
        scene.Frame(scene.NextOffset, scene.Position, new RecordBatch([new Record(copy)]));

    private static IEnumerable<byte[]> CopyLacksSector(TailScene scene)
    {
        var frame = WithCopy(scene, [.. scene.Sound, .. scene.Group, .. scene.Sound]);
        return scene.Sectors(frame, 0, frame.Length - 1).Select(sector => Without(frame, sector));
    }

    private static IEnumerable<byte[]> SecondLacksSector(TailScene scene)
    {
        var first = scene.Frame(scene.NextOffset, scene.Position, "b");
        var second = scene.Frame(scene.NextOffset + 1, scene.Position, scene.TextOfA);
        byte[] group = [.. first, .. second, .. scene.Frame(scene.NextOffset + 2, scene.Position, new string('c', 600))];
        return scene.Sectors(group, first.Length + 512, first.Length + second.Length - 1).Select(sector => Without(group, sector));
    }

    private static IEnumerable<byte[]> LargeLacksSector(TailScene scene)
    {
        byte[] group = [.. scene.Frame(scene.NextOffset, scene.Position, new string('a', 300_000)), .. scene.B];
        return ((int[])[0, 150_000, 300_000]).Select(at => Without(group, scene.Sectors(group, at, at)[0]));
    }

    private static IEnumerable<byte[]> TooMuch(TailScene scene)
    {
        var tail = new byte[4 << 20];
        for (var at = 0; at < 400 * Payload; at += Payload)
        {
            var header = With(With(scene.B, Length, tail.Length - at - Payload), Flushed, (long)scene.Position + at);
            header.AsSpan(0, Payload).CopyTo(tail.AsSpan(at));
        }

        return [tail];
    }

    /// <summary>Returns a large frame whose header is missing, and whose payload is made to look like many frames.</summary>
    private static byte[] ManyHeaders(TailScene scene)
    {
        var frame = WithCopy(scene, TooMuch(scene).Single());
        return Without(frame, scene.Sectors(frame, 0, Payload)[0]);
    }

    private static List<Range> SectorsOfA(TailScene scene) => scene.Sectors(scene.Group, 0, scene.A.Length - 1);

    private static IEnumerable<List<Range>> Subsets(List<Range> sectors) =>
        Enumerable.Range(1, (1 << sectors.Count) - 1).Select(set => sectors.Where((_, i) => (set & (1 << i)) != 0).ToList());

    private static IEnumerable<byte[]> Each(Range range, Func<int, byte[]> tail) =>
        Enumerable.Range(range.Start.Value, range.End.Value - range.Start.Value).Select(tail);

    /// <summary>Returns a tail for several ends inside the payload of A, including all those next to sector boundaries.</summary>
    private static IEnumerable<byte[]> EachEnd(TailScene scene, Func<int, byte[]> tail) =>
        SectorsOfA(scene).SelectMany(sector => (int[])[sector.End.Value - 1, sector.End.Value, sector.End.Value + 1])
            .Concat(Enumerable.Range(0, 20).Select(i => Payload + (i * 73)))
            .Where(end => end < scene.A.Length).Order().Select(tail);

    private static IEnumerable<byte[]> EachBit(byte[] bytes, Range range)
    {
        var (start, length) = range.GetOffsetAndLength(bytes.Length);
        return Enumerable.Range(start * 8, length * 8).Select(bit =>
        {
            var changed = bytes.ToArray();
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            return changed;
        });
    }

    private static byte[] Flipped(byte[] bytes, Index at)
    {
        var changed = bytes.ToArray();
        changed[at] ^= 1;
        return changed;
    }

    private static byte[] Without(byte[] bytes, params ReadOnlySpan<Range> missing)
    {
        var left = bytes.ToArray();
        foreach (var range in missing)
            left.AsSpan(range).Clear();
        return left;
    }

    private static byte[] With(byte[] frame, int at, int value)
    {
        var changed = frame.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(changed.AsSpan(at), value);
        return changed;
    }

    private static byte[] With(byte[] frame, int at, long value)
    {
        var changed = frame.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(changed.AsSpan(at), value);
        return changed;
    }

    private static byte[] Garbage(int length) => Enumerable.Range(0, length).Select(i => (byte)((i * 37 % 251) + 1)).ToArray();
}
