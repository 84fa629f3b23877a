using System.Text;

namespace LogKit.Cli.Certificates;

/// <summary>
/// Names of clients and servers that can be written the same way in a certificate, the tokens file, and the access file.
/// </summary>
internal static class Identity
{
    /// <summary>The limit on a common name (RFC 5280, ub-common-name).</summary>
    private const int LimitChars = 64;

    /// <summary>Why a name is not allowed for a client; null if it is.</summary>
    public static string? ProblemOf(string name)
    {
        if (name.Length is 0 or > LimitChars)
            return FormattableString.Invariant($"must have 1 to {LimitChars} characters");
        if (name.Any(letter => char.IsWhiteSpace(letter) || char.IsControl(letter) || letter is '#'))
            return "must not contain spaces or '#', which end a name in the tokens file and the access file";
        return UriOf(name) is { } uri && uri.AbsoluteUri != name ? $"must be written as '{uri.AbsoluteUri}'" : null;
    }

    /// <summary>The name as a URI; null if it is not one.</summary>
    public static Uri? UriOf(string name) => // by its scheme first: a path is a URI, too, to the framework
        name.IndexOf(':', StringComparison.Ordinal) is var end and > 0 && Uri.CheckSchemeName(name[..end])
            && Uri.TryCreate(name, UriKind.Absolute, out var uri) ? uri : null;

    /// <summary>Whether the name can be a DNS name in a certificate, in lower case. An IP address is not one.</summary>
    public static bool IsDnsName(string name) =>
        name.Length <= 253 && name.Split('.') is var labels && labels.All(IsLabel) && !labels[^1].All(char.IsAsciiDigit);

    /// <summary>
    /// The file name for a client, without extension. Each run of characters other than ASCII letters, digits, '.', '_', and '-' becomes
    /// one '-', and '-' and '.' are removed from both ends: <c>spiffe://example.org/alice</c> becomes <c>spiffe-example.org-alice</c>. Null
    /// if nothing is left.
    /// </summary>
    public static string? FileNameOf(string name)
    {
        var safe = new StringBuilder(name.Length);
        foreach (var letter in name)
        {
            if (char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_' or '-')
                safe.Append(letter);
            else if (safe is { Length: > 0 } && safe[^1] != '-')
                safe.Append('-');
        }

        return safe.ToString().Trim('-', '.') is { Length: > 0 } fileName ? fileName : null;
    }

    private static bool IsLabel(string label) =>
        label is { Length: > 0 and <= 63 } && label[0] != '-' && label[^1] != '-'
        && label.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '-');
}
