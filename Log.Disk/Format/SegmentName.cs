using System.Globalization;

namespace LogKit.Disk.Format;

/// <summary>The names of segment files: the base offset in twenty digits, so that they sort as the log does.</summary>
internal static class SegmentName
{
    public const string Suffix = ".log";

    /// <summary>A segment that is being made, until its header is durable.</summary>
    public const string Temporary = "NEW.tmp";

    private const int Digits = 20;

    public static string Of(ulong baseOffset) => baseOffset.ToString("D20", CultureInfo.InvariantCulture) + Suffix;

    public static bool TryParse(string name, out ulong baseOffset)
    {
        baseOffset = 0;
        return name.Length == Digits + Suffix.Length
            && name.EndsWith(Suffix, StringComparison.Ordinal)
            && ulong.TryParse(name.AsSpan(0, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out baseOffset);
    }
}
