using static System.FormattableString;

namespace LogKit.Disk.Format;

/// <summary>A problem with the header of a file.</summary>
/// <param name="Text">A description of the problem.</param>
/// <param name="Position">The position in the file.</param>
/// <param name="IsForeignVersion">Whether the file has an unknown version, and so may be sound.</param>
/// <param name="TrueBaseOffset">For a sound segment with a wrong name: the base offset that the name should contain.</param>
internal sealed record FormatProblem(string Text, long Position = 0, bool IsForeignVersion = false, ulong? TrueBaseOffset = null)
{
    /// <param name="version">The version of the file.</param>
    /// <param name="known">The versions that this program reads, in words.</param>
    public static FormatProblem ForeignVersion(uint version, string known) =>
        new(Invariant($"it has format version {version}: this program reads {known}"), IsForeignVersion: true);

    public static FormatProblem WrongName(ulong trueBaseOffset) =>
        new(Invariant($"according to its header, it starts at offset {trueBaseOffset}"), TrueBaseOffset: trueBaseOffset);
}
