using System.Globalization;
using System.Text;

namespace LogKit.Grpc.Errors;

/// <summary>
/// Untrusted text, made safe for a line of the journal or a status: without characters that end a line, move the cursor of a terminal, or
/// change the writing direction, and limited in length.
/// </summary>
/// <param name="Text">The text as received.</param>
internal readonly record struct ForeignText(string? Text)
{
    private const int LengthLimit = 200;

    /// <summary>The text, escaped and shortened. Evaluated only if a journal entry is written.</summary>
    public override string ToString() => Shown(Text ?? "");

    /// <summary>The text, escaped and shortened.</summary>
    public static string Shown(string text)
    {
        var shown = Escaped(text.Length > 2 * LengthLimit ? text[..(2 * LengthLimit)] : text);
        return shown.Length <= LengthLimit ? shown : $"{shown[..LengthLimit]}...";
    }

    /// <summary>The text with each control, format, line-ending, and unpaired character as <c>\u{hexadecimal}</c>.</summary>
    public static string Escaped(string text)
    {
        if (!NeedsEscape(text))
            return text;
        var escaped = new StringBuilder(text.Length + 16);
        for (var i = 0; i < text.Length;)
        {
            var isPaired = Rune.TryGetRuneAt(text, i, out var rune);
            if (isPaired && !IsUnfit(rune))
                escaped.Append(rune.ToString());
            else
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{{{(isPaired ? rune.Value : text[i]):X}}}");
            i += isPaired ? rune.Utf16SequenceLength : 1;
        }

        return escaped.ToString();
    }

    private static bool NeedsEscape(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            if (!Rune.TryGetRuneAt(text, i, out var rune) || IsUnfit(rune))
                return true;
            i += rune.Utf16SequenceLength;
        }

        return false;
    }

    private static bool IsUnfit(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;
}
