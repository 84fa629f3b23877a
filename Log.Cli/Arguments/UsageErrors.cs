using System.CommandLine;
using System.CommandLine.Parsing;

namespace LogKit.Cli.Arguments;

/// <summary>What is wrong with a command line, in one line.</summary>
internal static class UsageErrors
{
    /// <summary>The first thing that is wrong; null if nothing is.</summary>
    public static string? FirstOf(ParseResult parsed)
    {
        if (MisspeltOption(parsed) is { } misspelt)
            return $"there is no option '{misspelt}': a value that begins with a dash is given after --";
        if (parsed.Tokens.FirstOrDefault(token => token.Type == TokenType.Directive) is { } directive)
            return $"there is no command '{directive.Value}'"; // the library would pass over it
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
            return unmatched.StartsWith('-') ? $"there is no option '{unmatched}'" : $"unexpected argument '{unmatched}'";

        // The library's own messages are sentences; a line after "error: " is not.
        var message = parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.');
        return message.Length > 1 && char.IsLower(message[1]) ? char.ToLowerInvariant(message[0]) + message[1..] : message;
    }

    /// <summary>
    /// The argument or option that was given nothing but blanks, as by a script whose variable is not set. Records may be blank, and so may
    /// what delimits them.
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

    // The library takes an option that it does not know for a value where a command has values.
    private static string? MisspeltOption(ParseResult parsed)
    {
        var values = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).ToHashSet();
        return parsed.Tokens
            .TakeWhile(token => token.Type != TokenType.DoubleDash)
            .FirstOrDefault(token => token.Value.StartsWith('-') && values.Contains(token))?.Value;
    }

    /// <summary>The command as a user types it: <c>logkit produce</c>.</summary>
    public static string PathOf(CommandResult command)
    {
        return command.Command is RootCommand ? "logkit" : $"{PathOf((CommandResult)command.Parent!)} {command.Command.Name}";
    }
}
