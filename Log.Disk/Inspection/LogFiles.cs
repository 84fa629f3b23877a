using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Segments;
using LogKit.Disk.Storage;

using static System.FormattableString;

namespace LogKit.Disk.Inspection;

/// <summary>
/// The files of a log, their headers, and its start: what is known before any segment is read. Opening and verification both use it, so
/// they agree.
/// </summary>
internal sealed class LogFiles
{
    private readonly IStorage _storage;
    private readonly List<LogDamage> _damages = [];
    private readonly List<ulong> _bases = [];
    private readonly Dictionary<ulong, SegmentHeader> _headers = []; // of the segments with a sound header
    private readonly Dictionary<ulong, ulong> _sealedTo = []; // the next offset in the seal of a segment

    private LogFiles(IStorage storage) => _storage = storage;

    /// <summary>The offset in START; 0 if there are segments but no START; null if it is not known, or for a new log.</summary>
    public ulong? StartOffset { get; private set; }

    /// <summary>The base offsets of the segments, ascending, excluding files that only have the name of a segment.</summary>
    public ulong[] Bases => [.. _bases];

    /// <summary>Damage to the log as a whole.</summary>
    public IReadOnlyList<LogDamage> Damages => _damages;

    /// <summary>The identity of the log; null if no file contains it.</summary>
    public Guid? LogId { get; private set; }

    /// <summary>The identity in LOCK; null if there is none.</summary>
    public Guid? LockId { get; private set; }

    /// <summary>Temporary files left behind by an interrupted operation.</summary>
    public IReadOnlyList<string> Leftovers { get; private set; } = [];

    /// <param name="storage">The directory.</param>
    /// <param name="lockFile">The file LOCK; null if it does not exist or cannot be opened.</param>
    public static LogFiles Read(IStorage storage, IStorageFile? lockFile)
    {
        var files = new LogFiles(storage) { LockId = lockFile is null ? null : LockFile.TryRead(lockFile) };
        var names = storage.List();
        var indexes = new List<ulong>();
        foreach (var name in names)
        {
            if (SegmentName.TryParse(name, out var baseOffset))
                files._bases.Add(baseOffset);
            else if (SegmentName.TryParseIndex(name, out baseOffset))
                indexes.Add(baseOffset);
        }

        files._bases.Sort();
        string[] temporary = [.. names.Where(name => name is StartFile.TemporaryName or SegmentName.Temporary)];
        string[] orphans = [.. indexes.Except(files._bases).Select(SegmentName.OfIndex)];
        files.Leftovers = [.. temporary, .. orphans];
        var start = names.Contains(StartFile.Name) ? files.ReadStart() : null;
        if (files._bases.Count == 0)
        {
            files.RequireNoTrace(lockFile is { Length: > 0 }, names.Contains(StartFile.Name), start, orphans);
            return files;
        }

        files.ReadHeaders();
        files.Identify(start);
        files.RequireStart(start, names.Contains(StartFile.Name));
        return files;
    }

    /// <summary>Whether a segment lies entirely before the start, because a truncation was interrupted.</summary>
    public bool IsTruncated(int index) => index + 1 < _bases.Count && _bases[index + 1] <= StartOffset;

    /// <summary>The base offsets of the segments after one.</summary>
    public IReadOnlyList<ulong> LaterBases(int index) => _bases[(index + 1)..];

    private StartFile.Content? ReadStart()
    {
        try
        {
            if (StartFile.Read(_storage, out var content) is not { } problem)
                return content;
            Add(SegmentInspector.KindOf(problem, DamageKind.Start), StartFile.Name, problem.Text, problem.Position);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Add(DamageKind.Unreadable, StartFile.Name, $"it cannot be read: {exception.Message}");
        }

        return null;
    }

    /// <summary>Reports a directory that held a log whose segments are gone, instead of treating it as new.</summary>
    private void RequireNoTrace(bool lockHasContent, bool hasStart, StartFile.Content? start, string[] indexes)
    {
        const string Advice = "restore the segments from a copy, or delete this file to start an empty log";
        if (start is { Offset: var offset })
            Add(
                DamageKind.Records,
                StartFile.Name,
                Invariant($"the log starts at offset {offset} but has no segments: {Advice}"),
                offset: offset);
        else if (hasStart)
            Add(DamageKind.Records, StartFile.Name, $"the log has no segments: {Advice}");
        foreach (var index in indexes)
            Add(DamageKind.Records, index, $"it is the index of a segment, but the log has no segments: {Advice}");
        if (lockHasContent)
            Add(DamageKind.Records, LockFile.Name, $"it shows that there was a log here, but there are no segments: {Advice}");
    }

    private void ReadHeaders()
    {
        foreach (var baseOffset in _bases.ToArray())
        {
            try
            {
                using var file = _storage.Open(SegmentName.Of(baseOffset), canWrite: false);
                var problem = SegmentHeader.Read(file, baseOffset, new byte[SegmentHeader.SizeBytes], out var header, out var seal);
                if (problem is null)
                {
                    _headers.Add(baseOffset, header);
                    if (seal is { NextOffset: var next })
                        _sealedTo.Add(baseOffset, next);
                }
                else if (problem.TrueBaseOffset is { } trueBase)
                    Misplace(baseOffset, $"{problem.Text}: {WhatToDo(trueBase)}");
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // Reading the segment reports it.
            }
        }

        string WhatToDo(ulong trueBase) => _bases.Contains(trueBase)
            ? "it is a stray copy, move it away"
            : Invariant($"rename it to {SegmentName.Of(trueBase)} if that segment is missing, or move it away");
    }

    /// <summary>Determines the identity of the log, and which segments belong to another log.</summary>
    private void Identify(StartFile.Content? start)
    {
        var ids = _headers.Values.Select(header => header.Lineage?.LogId).OfType<Guid>().ToList();
        var majority = ids.Count == 0 ? (Guid?)null : ids.CountBy(id => id).MaxBy(count => count.Value).Key;
        if (LockId is not null && ids.Count > 0 && !ids.Contains(LockId.Value))
        {
            Add(DamageKind.Misplaced, LockFile.Name,
                "it and the segments identify different logs: if the segments were restored from a copy, delete this file");
            LogId = majority;
        }
        else
        {
            LogId = LockId ?? majority ?? start?.LogId;
        }

        foreach (var (baseOffset, header) in _headers.ToArray())
        {
            if (header.Lineage is { LogId: var id } && id != LogId)
                Misplace(
                    baseOffset,
                    "according to its header, it belongs to another log: move it away, and restore this log's segment if it is missing");
        }

        for (var i = 1; i < _bases.Count; i++)
        {
            if (_headers.TryGetValue(_bases[i], out var next) && next.Lineage is { PreviousSalt: not SegmentLineage.NoSalt and var salt }
                && _headers.TryGetValue(_bases[i - 1], out var header) && header.Salt != salt
                && _sealedTo.TryGetValue(_bases[i - 1], out var end) && end == _bases[i]) // otherwise one is missing between them
            {
                Misplace(_bases[i - 1], Invariant(
                    $"it is not the segment that {SegmentName.Of(_bases[i])} followed: move it away, and restore this log's own segment"));
                i = 0; // start over with one segment less
            }
        }
    }

    /// <summary>Checks that the start belongs to this log and lies within it.</summary>
    private void RequireStart(StartFile.Content? start, bool hasStart)
    {
        StartOffset = hasStart ? start?.Offset : 0;
        if (start is { LogId: { } id } && id != LogId)
        {
            Add(DamageKind.Start, StartFile.Name, "it belongs to another log");
            StartOffset = null;
        }
        else if (_bases.Count > 0 && StartOffset > _bases[^1] && EndOfLast() is { } end && StartOffset > end)
        {
            Add(DamageKind.Start, StartFile.Name, Invariant($"the log starts at offset {StartOffset} but ends at {end}"), offset: end);
            StartOffset = null;
        }
        else if (_bases.Count > 0 && StartOffset < _bases[0])
        {
            Add(DamageKind.Records, SegmentName.Of(_bases[0]), Invariant(
                $"it is the first segment, but the log starts at offset {StartOffset}: segments are missing"), offset: StartOffset);
        }
    }

    /// <summary>The next offset after the last segment; null if the segment is damaged, since it may have held more.</summary>
    private ulong? EndOfLast()
    {
        if (!_headers.TryGetValue(_bases[^1], out var header))
            return null;
        using var file = _storage.Open(SegmentName.Of(header.BaseOffset), canWrite: false);
        SegmentHeader.Read(file, header.BaseOffset, new byte[SegmentHeader.SizeBytes], out _, out var seal);
        var frames = new FrameReader(file, header, file.Length);
        while (frames.TryRead())
        {
            // On to the end.
        }

        return SegmentTail.Read(file, header, seal, frames.Position, frames.NextOffset).Problem is null ? frames.NextOffset : null;
    }

    private void Misplace(ulong baseOffset, string problem)
    {
        Add(DamageKind.Misplaced, SegmentName.Of(baseOffset), problem);
        _bases.Remove(baseOffset);
        _headers.Remove(baseOffset);
    }

    private void Add(DamageKind kind, string file, string problem, long position = 0, ulong? offset = null) =>
        _damages.Add(new LogDamage(kind, file, position, offset, problem));
}
