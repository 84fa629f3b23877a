using LogKit.Disk.Format;
using LogKit.Disk.Recovery;
using LogKit.Disk.Storage;

using static System.FormattableString;

namespace LogKit.Disk.Inspection;

/// <summary>
/// Repairs a damaged log, so that it opens, by cutting it off at the first damaged record. Everything that is removed is kept in files next
/// to the log.
/// </summary>
/// <remarks>
/// After a crash at any point, the log is either still damaged at the same record or repaired, because of the order: what will be cut is
/// copied and flushed; later segments are renamed, last one first; then the segment is cut, and only then loses its seal, which until then
/// shows that there was more; the start comes last. Running the repair again continues from there.
/// </remarks>
public sealed class LogRepair
{
    private readonly IStorage _storage;
    private readonly IStorageFile _lockFile;
    private readonly LogVerification _found;
    private readonly RemovedFiles _removed;
    private readonly List<LogDamage> _repaired = [];

    private LogRepair(IStorage storage, IStorageFile lockFile, LogVerification found)
    {
        _storage = storage;
        _lockFile = lockFile;
        _found = found;
        _removed = new RemovedFiles(storage);
    }

    /// <summary>Cuts a log at its first damage. Changes nothing if nothing is damaged, or if nothing would be left.</summary>
    /// <param name="directory">The directory of the log, which must not be open.</param>
    /// <param name="progress">Receives the progress of the verification, which runs before and after the repair.</param>
    /// <param name="cancellationToken">Cancels the verification before the repair, but not the repair itself.</param>
    /// <exception cref="LogInUseException">The log is open.</exception>
    /// <exception cref="DirectoryNotFoundException">The directory does not exist.</exception>
    /// <exception cref="FileNotFoundException">The directory does not contain a log.</exception>
    /// <exception cref="IOException">The storage failed. The repair can be run again.</exception>
    /// <exception cref="UnauthorizedAccessException">This process lacks permission to change the log.</exception>
    /// <exception cref="OperationCanceledException">The token was canceled. Nothing was changed.</exception>
    public static LogRepairReport TruncateAtFirstError(
        string directory, IProgress<VerificationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var storage = LogInspector.StorageOf(directory);
        return TruncateAtFirstError(storage, progress, cancellationToken);
    }

    internal static LogRepairReport TruncateAtFirstError(
        IStorage storage, IProgress<VerificationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var lockFile = storage.Lock(LockFile.Name, canCreate: true)!;
        var found = LogInspector.Verify(storage, lockFile, progress, cancellationToken);
        if (found.IsSound)
            return new LogRepairReport { Before = found, After = found };
        return RefusalOf(found) is { } refusal
            ? new LogRepairReport { Before = found, After = found, Refusal = refusal }
            : new LogRepair(storage, lockFile, found).Run(progress);
    }

    /// <summary>The reason not to repair the log in this way; null if there is none.</summary>
    private static string? RefusalOf(LogVerification found)
    {
        if (found.Damages.FirstOrDefault(damage => damage.Kind is DamageKind.ForeignVersion) is { } foreign)
            return $"{foreign.File}: {foreign.Problem}: it may be sound; use a program that reads this version";
        if (found.Damages.FirstOrDefault(damage => damage.Kind is DamageKind.Unreadable) is { } unreadable)
            return $"{unreadable.File}: {unreadable.Problem}: it may be sound; copy the directory to a good disk, or get the permission, "
                + "first";
        if (found.StartDamages.FirstOrDefault(damage => damage.Kind is DamageKind.Records) is { } missing)
            return $"nothing before the damage can be kept ({missing.File}: {missing.Problem}); {WhatRemains(found)}";
        var first = found.Segments.FirstOrDefault(segment => !segment.IsTruncated);
        if (first is null)
            return $"no segment of the log is left in its place; {WhatRemains(found)}";
        return IsLostAsAWhole(first)
            ? $"nothing before the damage can be kept ({first.File}, the first segment: {first.Damage!.Problem}); {WhatRemains(found)}"
            : null;
    }

    private static string WhatRemains(LogVerification found)
    {
        var remaining = found.Segments.Where(segment => segment.FrameCount > 0).ToList();
        var what = remaining.Count == 0
            ? "nothing sound remains"
            : Invariant($"sound frames remain in {remaining.Count} {(remaining.Count == 1 ? "segment" : "segments")}, ")
                + Invariant($"from offset {remaining[0].BaseOffset} to {remaining[^1].NextOffset - 1}");
        return $"{what}; restore the lost file from a copy, or begin a new log in another directory";
    }

    // Without a sound header, no byte of the segment is known to belong to the log.
    private static bool IsLostAsAWhole(SegmentReport segment) =>
        segment.Damage is { Kind: DamageKind.Records } && segment.EndPosition < SegmentHeader.SizeBytes;

    private LogRepairReport Run(IProgress<VerificationProgress>? progress)
    {
        var live = _found.Segments.Where(segment => !segment.IsTruncated).ToList();
        var damaged = live.FindIndex(segment => segment.Damage is { Kind: DamageKind.Records });
        var last = live.FindLastIndex(segment => !segment.IsUnflushed);
        var kept = damaged < 0 ? last + 1 : IsLostAsAWhole(live[damaged]) ? damaged : damaged + 1;

        MoveMisplaced();
        for (var i = 0; i < kept; i++)
        {
            if (live[i].Damage is { Kind: DamageKind.Margin })
                RepairMargin(live[i], isLast: i == last);
        }

        if (damaged >= 0)
            Cut(live, kept);
        var newStart = RepairStart(live[0].BaseOffset, live[kept - 1].NextOffset);

        var after = LogInspector.Verify(_storage, _lockFile, progress, CancellationToken.None);
        var lostFrom = damaged < 0 ? (ulong?)null : live[damaged].NextOffset;
        return new LogRepairReport
        {
            Before = _found,
            After = after,
            Mended = _repaired,
            CutAt = damaged < 0 ? null : live[damaged].Damage,
            LostFrom = lostFrom,
            LostBefore = damaged < 0 ? 0 : live.Skip(damaged).Max(segment => Math.Max(segment.BaseOffset, segment.ToldNextOffset)),
            NewStartOffset = newStart,
            KeptIn = _removed.Names,
        };
    }

    /// <summary>
    /// Moves away files that belong to the log only by name. Of a LOCK file of another log, only the content is removed.
    /// </summary>
    private void MoveMisplaced()
    {
        foreach (var damage in _found.StartDamages.Where(damage => damage.Kind is DamageKind.Misplaced))
        {
            if (damage.File == LockFile.Name)
                LockFile.Write(_lockFile, LogFiles.Read(_storage, _lockFile).LogId!.Value);
            else
                _removed.Move(damage.File, $"{damage.File}.removed");
            _repaired.Add(damage);
        }
    }

    /// <summary>
    /// Rewrites the header of a segment whose frames are sound. If another segment follows, removes what is after the frames.
    /// </summary>
    private void RepairMargin(SegmentReport segment, bool isLast)
    {
        _removed.Copy(segment.File, 0, SegmentHeader.SizeBytes, $"{segment.File}.removed-0");
        using var file = _storage.Open(segment.File, canWrite: true);
        if (!isLast)
            CutFile(segment, file);

        // A segment that another follows was flushed before that one was created. For the last one, only its seal says so; opening ensures
        // it.
        WriteHeader(
            file, segment, isLast && !segment.IsSealed ? null : new Seal(segment.EndPosition, segment.NextOffset, IsFollowed: !isLast));
        _repaired.Add(segment.Damage!);
    }

    /// <summary>Makes the last kept segment the last one of the log, ending with its last sound frame.</summary>
    private void Cut(List<SegmentReport> live, int kept)
    {
        var last = live[kept - 1];
        using var file = _storage.Open(last.File, canWrite: true);
        KeepCutPart(last, file);
        for (var i = live.Count - 1; i >= kept; i--)
            _removed.Move(live[i].File, $"{live[i].File}.removed");

        if (file.Length > last.EndPosition)
        {
            file.SetLength(last.EndPosition);
            file.Flush();
        }

        // A seal at the end stays, but no longer says that a segment follows. Any other seal is no longer true.
        WriteHeader(file, last, last.IsSealed ? new Seal(last.EndPosition, last.NextOffset) : null);
    }

    private void CutFile(SegmentReport segment, IStorageFile file)
    {
        KeepCutPart(segment, file);
        file.SetLength(segment.EndPosition);
        file.Flush();
    }

    private void KeepCutPart(SegmentReport segment, IStorageFile file)
    {
        var position = segment.EndPosition;
        if (!SegmentTail.IsZero(file, position))
            _removed.Copy(segment.File, position, file.Length, Invariant($"{segment.File}.removed-{position}"));
    }

    private static void WriteHeader(IStorageFile file, SegmentReport segment, Seal? seal)
    {
        var bytes = new byte[SegmentHeader.SizeBytes];
        if (SegmentHeader.Read(file, segment.BaseOffset, bytes, out var header, out _) is not null)
            throw new IOException("the header changed during the repair");
        file.Write(SegmentInspector.HeaderBytes(header, seal), 0);
        file.Flush();
    }

    /// <summary>Replaces a start that cannot be right. Returns the new one.</summary>
    /// <remarks>
    /// A start that is damaged, belongs to another log, or is past the end is ignored: all segments are kept, even those that the next
    /// opening would delete because of it. A start that is past the end only because of the cut moves to the end.
    /// </remarks>
    private ulong? RepairStart(ulong firstOffset, ulong nextOffset)
    {
        var damage = _found.StartDamages.FirstOrDefault(damage => damage.Kind is DamageKind.Start);
        var logId = LogFiles.Read(_storage, _lockFile).LogId;
        ulong start;
        if (damage is not null)
            start = firstOffset;
        else if (
            _storage.List().Contains(StartFile.Name) && StartFile.Read(_storage, out var present) is null && present.Offset > nextOffset)
            start = nextOffset;
        else
            return null;

        using (var file = _storage.Open(StartFile.Name, canWrite: false))
            _removed.Copy(StartFile.Name, 0, file.Length, $"{StartFile.Name}.removed");
        if (start > 0)
            StartFile.Replace(_storage, start, logId);
        else
        {
            _storage.Delete(StartFile.Name);
            _storage.FlushDirectory();
        }

        if (damage is not null)
            _repaired.Add(damage);
        return start;
    }
}
