using System.CommandLine;
using System.CommandLine.Parsing;

namespace LogKit.Cli.Arguments;

/// <summary>Describes what is wrong with a command line, in one line.</summary>
internal static class UsageErrors
{
    /// <summary>The first error; null if there is none.</summary>
    public static string? FirstOf(ParseResult parsed)
    {
        if (MisspelledOption(parsed) is { } misspelled)
            return $"unknown option '{misspelled}': put a value that begins with a dash after --";
        if (parsed.Tokens.FirstOrDefault(token => token.Type == TokenType.Directive) is { } directive)
            return $"unknown command '{directive.Value}'"; // the library would ignore it
        if (parsed.Errors.Count == 0)
            return BlankValue(parsed) is { } blank ? $"{blank} must not be empty" : null;
        if (parsed.CommandResult.Command is RootCommand)
        {
            var commands = string.Join(", ", parsed.RootCommandResult.Command.Subcommands.Select(command => command.Name));
            return parsed.UnmatchedTokens is [var unknown, ..]
                ? $"there is no {(unknown.StartsWith('-') ? "option" : "command")} '{unknown}': the commands are {commands}"
                : $"a command is required: {commands}";
        }

        if (parsed.UnmatchedTokens is [var unmatched, ..])
            return unmatched.StartsWith('-') ? $"unknown option '{unmatched}'" : $"unexpected argument '{unmatched}'";

        // The messages of the library are sentences, unlike the text after "error: ".
        var message = parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.');
        return message.Length > 1 && char.IsLower(message[1]) ? char.ToLowerInvariant(message[0]) + message[1..] : message;
    }

    /// <summary>
    /// An argument or option whose value is blank, for example because a variable of a script is not set. Records and delimiters may be
    /// blank.
    /// </summary>
    private static string? BlankValue(ParseResult parsed)
    {
        foreach (var child in parsed.CommandResult.Children)
        {
            var name = child switch
            {
                ArgumentResult { Argument: { Name: not "values" } argument } => argument.Name,
                OptionResult { Option: { Name: not "--delimiter" } option } => option.Name,
                _ => null,
            };
            if (name is not null && child.Tokens.Any(token => string.IsNullOrWhiteSpace(token.Value)))
                return name;
        }

        return null;
    }

    // If a command takes values, the library treats an unknown option as a value.
    private static string? MisspelledOption(ParseResult parsed)
    {
        var values = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).ToHashSet();
        return parsed.Tokens
            .TakeWhile(token => token.Type != TokenType.DoubleDash)
            .FirstOrDefault(token => token.Value.StartsWith('-') && values.Contains(token))?.Value;
    }

    /// <summary>The command as typed: <c>logkit produce</c>.</summary>
    public static string PathOf(CommandResult command)
    {
        return command.Command is RootCommand ? "logkit" : $"{PathOf((CommandResult)command.Parent!)} {command.Command.Name}";
    }
}
