namespace LogKit.Disk.Format;

/// <summary>What is wrong with the head of a file.</summary>
/// <param name="Text">In words.</param>
/// <param name="Position">Where in the file.</param>
/// <param name="IsForeignVersion">Whether it is of a version of which nothing is known, and so may be sound.</param>
internal sealed record FormatProblem(string Text, long Position = 0, bool IsForeignVersion = false)
{
    public static FormatProblem ForeignVersion(uint version, uint known) => new(
        FormattableString.Invariant($"it has format version {version}: this program reads version {known}"), IsForeignVersion: true);
}
