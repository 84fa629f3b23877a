using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace LogKit.Cli.Records;

/// <summary>
/// The options for separating records: <c>--delimiter</c>, <c>-0</c>, <c>--format</c>, and for input <c>--whole</c>.
/// </summary>
internal sealed class FormatOptions
{
    private const string Text = "text";
    private const string Json = "json";

    private readonly Option<byte> _delimiter = new("--delimiter", "-d")
    {
        Description = @"The byte that ends a record, instead of a newline: an ASCII character, or one of \n \r \t \0 \xHH",
        HelpName = "byte",
        CustomParser = ParseDelimiter,
        DefaultValueFactory = _ => (byte)'\n',
    };

    private readonly Option<bool> _null = new("--null", "-0") { Description = @"A NUL byte ends a record: the same as --delimiter '\0'" };

    private readonly Option<string> _format = new("--format")
    {
        Description =
            "text, or json: one object per line, {\"offset\":42,\"value\":\"...\"}, with \"base64\" instead of \"value\" where a record is "
                + "not UTF-8",
        HelpName = "text|json",
        DefaultValueFactory = _ => Text,
    };

    private readonly Option<bool>? _whole;

    private FormatOptions(Option<bool>? whole)
    {
        _whole = whole;
        _format.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is not (Text or Json) and var other)
                result.AddError($"--format '{other}' must be {Text} or {Json}");
        });
    }

    /// <summary>All options.</summary>
    public IReadOnlyList<Option> Options => _whole is null ? [_delimiter, _null, _format] : [_delimiter, _null, _format, _whole];

    public static FormatOptions ForInput() =>
        new(new Option<bool>("--whole") { Description = "Treat the file, or standard input, as a single record" });

    public static FormatOptions ForOutput() => new(whole: null);

    public void AddTo(Command command)
    {
        foreach (var option in Options)
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            var given = Options.Where(option => result.GetResult(option) is { Implicit: false }).Select(option => option.Name).ToList();
            if (given.Count > 1)
                result.AddError($"{given[0]} and {given[1]} cannot be combined");
        });
    }

    public RecordFormat Of(ParseResult parsed) =>
        _whole is not null && parsed.GetValue(_whole) ? RecordFormat.Whole
        : parsed.GetValue(_format) is Json ? RecordFormat.Json
        : parsed.GetValue(_null) ? RecordFormat.Delimited(0)
        : RecordFormat.Delimited(parsed.GetValue(_delimiter));

    private static byte ParseDelimiter(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        switch (text)
        {
            case [var single] when char.IsAscii(single):
                return (byte)single;
            case @"\n":
                return (byte)'\n';
            case @"\r":
                return (byte)'\r';
            case @"\t":
                return (byte)'\t';
            case @"\0":
                return 0;
            case ['\\', 'x', _, _]
                when byte.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value):
                return value;
            default:
                result.AddError($@"--delimiter '{text}' must be one ASCII character, or one of \n \r \t \0 \xHH");
                return 0;
        }
    }
}
