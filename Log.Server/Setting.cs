using System.Globalization;

using static System.FormattableString;

namespace LogKit.Server;

/// <summary>
/// A setting of the server, given as <c>--Log:NAME=VALUE</c>, as the variable <c>Log__NAME</c>, or in <c>appsettings.json</c>. Values are
/// checked when the server starts. An invalid value is an error that names the setting, the value, and what is allowed.
/// </summary>
public abstract class Setting
{
    /// <summary>The section that all settings of the server are in.</summary>
    internal const string Section = "Log";

    /// <summary>The value for "no limit", "no file" and the like.</summary>
    internal const string None = "none";

    private protected Setting(string name, string meaning, string allowed, bool isSecret)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        (Name, Meaning, Allowed, IsSecret) = (name, meaning, allowed, isSecret);
    }

    /// <summary>The name, without the section.</summary>
    public string Name { get; }

    /// <summary>A short description for <c>--help</c>, including the unit.</summary>
    public string Meaning { get; }

    /// <summary>The allowed values, for <c>--help</c> and error messages.</summary>
    public string Allowed { get; }

    /// <summary>Whether the value is never shown, not even in errors.</summary>
    public bool IsSecret { get; }

    /// <summary>The name with its section: <c>Log:NAME</c>.</summary>
    public string Key => $"{Section}:{Name}";

    /// <summary>The default, as text.</summary>
    internal abstract string Default { get; }

    /// <summary>A whole number.</summary>
    public static Setting<int> Number(string name, string meaning, int min, int max, int defaultValue) => new(
        name, meaning, Invariant($"a number from {min} to {max}"), defaultValue, Text,
        text => TryParse(text, min, max, out var number) ? new((int)number) : null);

    /// <summary>A whole number with a larger range.</summary>
    public static Setting<long> LargeNumber(string name, string meaning, long min, long max, long defaultValue) => new(
        name, meaning, Invariant($"a number from {min} to {max}"), defaultValue, Text,
        text => TryParse(text, min, max, out var number) ? new(number) : null);

    /// <summary>A whole number, or <c>none</c>, which is the default.</summary>
    /// <param name="name">The name.</param>
    /// <param name="meaning">A short description.</param>
    /// <param name="min">The smallest number.</param>
    /// <param name="max">The largest number.</param>
    /// <param name="allowed">The allowed values, if the two bounds do not describe them.</param>
    public static Setting<long?> OptionalNumber(string name, string meaning, long min, long max, string? allowed = null) =>
        new(
            name,
            meaning,
            allowed ?? Invariant($"{None}, or a number from {min} to {max}"),
            null,
            number => number is { } some ? Text(some) : None,
            text =>
                IsNone(text) ? new(null)
                : TryParse(text, min, max, out var number) ? new(number)
                : null);

    /// <summary>One of several words, case-insensitive.</summary>
    public static Setting<string> OneOf(string name, string meaning, IReadOnlyList<string> words) =>
        new(
            name,
            meaning,
            words.Count == 1 ? words[0] : $"{string.Join(", ", words.Take(words.Count - 1))} or {words[^1]}",
            words[0],
            word => word,
            text => words.FirstOrDefault(word => word.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } found ? new(found) : null);

    /// <summary>A member of an enumeration, by name, case-insensitive.</summary>
    public static Setting<T> Choice<T>(string name, string meaning, T defaultValue)
        where T : struct, Enum
    {
        // By name only: Enum.Parse would also accept numbers and lists such as "Always,Never".
        var names = Enum.GetNames<T>();
        return new(
            name,
            meaning,
            $"{string.Join(", ", names[..^1])} or {names[^1]}",
            defaultValue,
            value => value.ToString(),
            text =>
                names.FirstOrDefault(name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } found
                    ? new(Enum.Parse<T>(found))
                    : null);
    }

    /// <summary>Whether something is on; off by default.</summary>
    public static Setting<bool> Switch(string name, string meaning) =>
        new(
            name,
            meaning,
            "true or false",
            false,
            value => value ? "true" : "false",
            text => bool.TryParse(text, out var value) ? new(value) : null);

    /// <summary>Text that is not empty.</summary>
    /// <param name="name">The name.</param>
    /// <param name="meaning">A short description.</param>
    /// <param name="allowed">The allowed values.</param>
    /// <param name="defaultValue">The default.</param>
    /// <param name="lengthLimit">The largest number of characters.</param>
    public static Setting<string> Words(string name, string meaning, string allowed, string defaultValue, int lengthLimit = int.MaxValue) =>
        new(name, meaning, allowed, defaultValue, text => text, text => text.Length >= 1 && text.Length <= lengthLimit ? new(text) : null);

    /// <summary>Text that is not empty, or <c>none</c>, which is the default.</summary>
    /// <param name="name">The name.</param>
    /// <param name="meaning">A short description.</param>
    /// <param name="allowed">The allowed values.</param>
    /// <param name="isSecret">Whether the value is never shown.</param>
    public static Setting<string?> OptionalWords(string name, string meaning, string allowed, bool isSecret = false) => new(
        name, meaning, allowed, null, text => text is null ? None : isSecret ? "set" : text,
        text => string.IsNullOrWhiteSpace(text) ? null : new(IsNone(text) ? null : text), isSecret);

    /// <summary>The path of a file, or <c>none</c>, which is the default.</summary>
    public static Setting<string?> File(string name, string meaning) => OptionalWords(name, meaning, $"{None}, or the path of a file");

    /// <summary>Whether a value means none.</summary>
    internal static bool IsNone(string text) => text.Equals(None, StringComparison.OrdinalIgnoreCase);

    /// <summary>Parses a value.</summary>
    /// <param name="text">The value as given.</param>
    /// <param name="value">The parsed value.</param>
    internal abstract bool TryParse(string text, out object? value);

    private static bool TryParse(string text, long min, long max, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number >= min && number <= max;

    private static string Text<T>(T number)
        where T : IFormattable => number.ToString(null, CultureInfo.InvariantCulture);
}

/// <summary>A setting whose value is a <typeparamref name="T"/>. Created by the methods of <see cref="Setting"/>.</summary>
/// <typeparam name="T">The type of its value.</typeparam>
public sealed class Setting<T> : Setting
{
    private readonly Func<T, string> _show;
    private readonly Func<string, Parsed?> _parse;

    internal Setting(
        string name,
        string meaning,
        string allowed,
        T defaultValue,
        Func<T, string> show,
        Func<string, Parsed?> parse,
        bool isSecret = false)
        : base(name, meaning, allowed, isSecret) => (DefaultValue, _show, _parse) = (defaultValue, show, parse);

    /// <summary>The value if none is given.</summary>
    public T DefaultValue { get; }

    internal override string Default => _show(DefaultValue);

    internal override bool TryParse(string text, out object? value)
    {
        if (_parse(text) is not { } parsed)
        {
            value = null;
            return false;
        }

        value = parsed.Value;
        return true;
    }

    /// <summary>A valid value.</summary>
    internal sealed record Parsed(T Value);
}
