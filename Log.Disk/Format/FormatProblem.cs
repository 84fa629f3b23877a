using static System.FormattableString;

namespace LogKit.Disk.Format;

/// <summary>What is wrong with the head of a file.</summary>
/// <param name="Text">In words.</param>
/// <param name="Position">Where in the file.</param>
/// <param name="IsForeignVersion">Whether it is of a version of which nothing is known, and so may be sound.</param>
/// <param name="TrueBaseOffset">For a sound segment under a wrong name: the offset that its name should say.</param>
internal sealed record FormatProblem(string Text, long Position = 0, bool IsForeignVersion = false, ulong? TrueBaseOffset = null)
{
    /// <param name="version">What the file says.</param>
    /// <param name="known">What this program reads, in words.</param>
    public static FormatProblem ForeignVersion(uint version, string known) =>
        new(Invariant($"it has format version {version}: this program reads {known}"), IsForeignVersion: true);

    public static FormatProblem WrongName(ulong trueBaseOffset) =>
        new(Invariant($"its header says that it begins at offset {trueBaseOffset}"), TrueBaseOffset: trueBaseOffset);
}
