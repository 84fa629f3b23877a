using System.Globalization;

namespace LogKit.Disk.Format;

/// <summary>The names of segments and their indexes: the base offset in twenty digits, so that they sort in the order of the log.</summary>
internal static class SegmentName
{
    private const string Suffix = ".log";
    private const string IndexSuffix = ".idx";

    /// <summary>The name of a new segment until its header is durable.</summary>
    public const string Temporary = "NEW.tmp";

    private const int Digits = 20;

    public static string Of(ulong baseOffset) => Of(baseOffset, Suffix);

    public static string OfIndex(ulong baseOffset) => Of(baseOffset, IndexSuffix);

    public static bool TryParse(string name, out ulong baseOffset) => TryParse(name, Suffix, out baseOffset);

    public static bool TryParseIndex(string name, out ulong baseOffset) => TryParse(name, IndexSuffix, out baseOffset);

    private static string Of(ulong baseOffset, string suffix) => baseOffset.ToString("D20", CultureInfo.InvariantCulture) + suffix;

    private static bool TryParse(string name, string suffix, out ulong baseOffset)
    {
        baseOffset = 0;
        return name.Length == Digits + suffix.Length
            && name.EndsWith(suffix, StringComparison.Ordinal)
            && ulong.TryParse(name.AsSpan(0, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out baseOffset);
    }
}
