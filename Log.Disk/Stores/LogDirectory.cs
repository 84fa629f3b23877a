using System.Globalization;
using System.Numerics;

namespace LogKit.Disk.Stores;

/// <summary>
/// The name of the directory of a log. It is the name of the log in lower case, since some file systems ignore case. If that is not the
/// name itself, or is a name that some systems reserve, <c>=</c> follows, and a hexadecimal number whose bit <c>i</c> says whether
/// character <c>i</c> is upper case. Before the name of a device there is another <c>=</c>. A log has no <c>=</c> in its name, so no two
/// logs have the same directory.
/// </summary>
internal static class LogDirectory
{
    /// <summary>The beginning of the name of a directory that is not yet, or no longer, that of a log.</summary>
    public const string Unfinished = "~";

    private static readonly HashSet<string> Devices = new(StringComparer.Ordinal) { "con", "prn", "aux", "nul" };

    public static string Of(string name)
    {
        var lower = name.ToLowerInvariant();
        var isDevice = IsDevice(lower);
        if (lower == name && !isDevice && !lower.EndsWith('.'))
            return name;
        var upper = BigInteger.Zero;
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsAsciiLetterUpper(name[i]))
                upper |= BigInteger.One << i;
        }

        return $"{(isDevice ? "=" : "")}{lower}={upper.ToString("x", CultureInfo.InvariantCulture).TrimStart('0')}";
    }

    /// <summary>Names that Windows gives to devices, with or without an extension.</summary>
    private static bool IsDevice(string lower)
    {
        var stem = lower.Split('.')[0];
        var isPort = stem.Length == 4 && char.IsAsciiDigit(stem[3]) && stem[..3] is "com" or "lpt";
        return Devices.Contains(stem) || isPort;
    }
}
