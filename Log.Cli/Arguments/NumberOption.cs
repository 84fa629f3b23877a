using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace LogKit.Cli.Arguments;

/// <summary>Options whose value is a whole number in a range.</summary>
internal static class NumberOption
{
    public static Option<T> Create<T>(string name, string description, T least, T most, params string[] aliases)
        where T : struct, IBinaryInteger<T>, IMinMaxValue<T> => new(name, aliases)
        {
            Description = description,
            HelpName = "number",
            CustomParser = result =>
            {
                var text = result.Tokens[0].Value;
                if (T.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
                    return number;
                var bounds = most == T.MaxValue
                    ? string.Create(CultureInfo.InvariantCulture, $"{least} or more")
                    : string.Create(CultureInfo.InvariantCulture, $"from {least} to {most}");
                result.AddError($"{name} '{text}' must be a whole number, {bounds}");
                return default;
            },
        };
}
