using System.Text;

namespace LogKit.Cli.Certificates;

/// <summary>
/// Names of clients and servers: what a certificate, the tokens file and the access file can all say in the same letters.
/// </summary>
internal static class Identity
{
    /// <summary>What a common name may have at most (RFC 5280, ub-common-name).</summary>
    private const int LimitChars = 64;

    /// <summary>Why a client cannot be called that; null if it can.</summary>
    public static string? ProblemOf(string name)
    {
        if (name.Length is 0 or > LimitChars)
            return FormattableString.Invariant($"must have 1 to {LimitChars} characters");
        if (name.Any(letter => char.IsWhiteSpace(letter) || char.IsControl(letter) || letter is '#'))
            return "must have no spaces and no '#': the tokens file and the access file end a name there";
        return UriOf(name) is { } uri && uri.AbsoluteUri != name ? $"must be written as '{uri.AbsoluteUri}'" : null;
    }

    /// <summary>The name as a URI; null if it is none.</summary>
    public static Uri? UriOf(string name) => // by its scheme first: a path is a URI, too, to the framework
        name.IndexOf(':', StringComparison.Ordinal) is var end and > 0 && Uri.CheckSchemeName(name[..end])
            && Uri.TryCreate(name, UriKind.Absolute, out var uri) ? uri : null;

    /// <summary>Whether a certificate can have it for a DNS name as it is, in lower case. An address of numbers is none.</summary>
    public static bool IsDnsName(string name) =>
        name.Length <= 253 && name.Split('.') is var labels && labels.All(IsLabel) && !labels[^1].All(char.IsAsciiDigit);

    /// <summary>
    /// A file name for a client, without its extension: what is no ASCII letter, digit, '.', '_' or '-' becomes a '-', one for a row of
    /// them, and neither '-' nor '.' stands at either end; <c>spiffe://example.org/alice</c> is <c>spiffe-example.org-alice</c>. Null if
    /// nothing is left.
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
