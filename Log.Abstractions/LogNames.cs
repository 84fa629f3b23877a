using System.Buffers;

namespace LogKit;

/// <summary>
/// The names of logs: 1 to 200 characters of <c>A-Z a-z 0-9 . _ -</c>, the first a letter or a digit. Names that differ in case are
/// different.
/// </summary>
public static class LogNames
{
    /// <summary>The name of the log that every store has, and that a request without a name means.</summary>
    public const string Default = "log";

    /// <summary>The limit on the length of a name, in characters.</summary>
    public const int LengthLimit = 200;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>Whether a text is a name.</summary>
    public static bool IsValid(string? name) =>
        name is { Length: > 0 and <= LengthLimit } && char.IsAsciiLetterOrDigit(name[0]) && !name.AsSpan().ContainsAnyExcept(Allowed);

    /// <summary>For implementations of <see cref="ILogStore"/>: the exception for a text that is not a name; null if it is one.</summary>
    public static Exception? Refuse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return IsValid(name) ? null : new LogNameException(name);
    }
}
