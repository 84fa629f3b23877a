using System.Globalization;
using System.Reflection;

namespace LogKit.Server.Settings;

/// <summary>The command line of the server. Nothing is silently ignored.</summary>
internal static class ServerArguments
{
    private const string Option = "--";
    private const string SettingPrefix = $"{Option}{Setting.Section}:";
    private const string JournalPrefix = $"{Option}{SettingSources.JournalSection}:";
    private const string JournalFormat = "--log-format";

    private static string Program => Assembly.GetEntryAssembly()?.GetName().Name ?? "LogKit.Server";

    /// <summary>Parses the arguments into settings.</summary>
    /// <exception cref="SettingException">An argument is not a setting.</exception>
    public static List<KeyValuePair<string, string?>> Read(ReadOnlySpan<string> args)
    {
        var settings = new List<KeyValuePair<string, string?>>();
        for (var i = 0; i < args.Length; i++)
        {
            var argument = InFull(args[i]);
            if (!IsSetting(argument))
                throw new SettingException(
                    Shown(argument), null, "unknown argument: settings are given as --Log:Key=value; see --help");
            var key = argument[Option.Length..];
            if (key.Split('=', 2) is [var name, var value])
                settings.Add(new(name, value));
            else if (i + 1 < args.Length && !args[i + 1].StartsWith(Option, StringComparison.Ordinal))
                settings.Add(new(key, args[++i]));
            else
                throw new SettingException(args[i], null, "the value is missing");
        }

        return settings;
    }

    public static async Task WriteHelpAsync(TextWriter output, SettingTable table)
    {
        var width = table.Rows.Max(setting => setting.Key.Length);
        await output.WriteLineAsync(
            $"""
            Serves an append-only log over gRPC (log.v1.Log).

            Usage: {Program} [--Log:Key=value ...] [--insecure] [--log-format json|text]
                   {Program} --health ADDRESS    (asks a server whether it serves: exit code 0, or 1)
                   {Program} --version

            A setting is given as an argument (--Log:Directory=data), a variable (Log__Directory=data) or in appsettings.json:
            the file in the working directory or, if there is none, the file beside the program. It is read once, at the start.
            Certificates, tokens and the access list are read again when they change, or at once on SIGHUP.
            """);
        foreach (var setting in table.Rows)
        {
            await output.WriteLineAsync(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"  {setting.Key.PadRight(width)} {setting.Meaning}: {setting.Allowed} (default {setting.Default})"));
        }
    }

    /// <summary>Expands an argument that is short for a setting.</summary>
    private static string InFull(string argument) => argument switch
    {
        "--insecure" => $"{SettingPrefix}{SettingTable.Insecure.Name}=true",
        JournalFormat => $"{SettingPrefix}{SettingTable.JournalFormat.Name}",
        _ when argument.StartsWith($"{JournalFormat}=", StringComparison.Ordinal) =>
            $"{SettingPrefix}{SettingTable.JournalFormat.Name}{argument[JournalFormat.Length..]}",
        _ => argument,
    };

    // Does not show what may be (part of) a connection string: an option whose value has an equals sign, or anything but an option.
    private static string Shown(string argument) =>
        argument.Split('=', 2) is [var name, var value]
        && (!argument.StartsWith(Option, StringComparison.Ordinal) || value.Contains('=', StringComparison.Ordinal))
            ? $"{name}=..."
            : argument;

    private static bool IsSetting(string argument) =>
        argument.StartsWith(SettingPrefix, StringComparison.OrdinalIgnoreCase)
        || argument.StartsWith(JournalPrefix, StringComparison.OrdinalIgnoreCase);
}
