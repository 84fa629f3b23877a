using System.Collections;
using System.Text.Json;

namespace LogKit.Server.Settings;

/// <summary>
/// The sources of the settings of the server: one file, variables, and arguments, with later ones taking precedence, each read once. This
/// is not the configuration of the host, which has many more sources, several of which open ports.
/// </summary>
internal static class SettingSources
{
    public const string FileName = "appsettings.json";

    /// <summary>The section with the levels of the journal.</summary>
    public const string JournalSection = "Logging";

    /// <summary>The section with the listening addresses of an ASP.NET Core server, which this server refuses.</summary>
    public const string ListenerSection = "Kestrel";

    private const string LevelDelimiter = "__";

    /// <summary>Prefixes under which ASP.NET Core itself reads variables.</summary>
    private static readonly string[] HostPrefixes = ["", "ASPNETCORE_", "DOTNET_"];

    /// <summary>Reads all sources.</summary>
    /// <param name="arguments">As <see cref="ServerArguments.Read"/> returns them.</param>
    /// <param name="file">The file's path; null if there is none.</param>
    /// <exception cref="SettingException">The file can't be read.</exception>
    public static IConfiguration Read(IEnumerable<KeyValuePair<string, string?>> arguments, out string? file)
    {
        var builder = new ConfigurationBuilder();
        file = FindFile();
        if (file is not null)
            builder.AddInMemoryCollection(ReadFile(file));
        return builder.AddInMemoryCollection(Last(ReadVariables())).AddInMemoryCollection(Last(arguments)).Build();
    }

    /// <summary>The variables whose names start with a prefix, with their names unchanged.</summary>
    public static IEnumerable<KeyValuePair<string, string?>> Variables(string prefix) =>
        from DictionaryEntry variable in Environment.GetEnvironmentVariables()
        let name = (string)variable.Key
        where name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)
        select KeyValuePair.Create(name, (string?)variable.Value);

    /// <summary>The file in the working directory or, if there is none, next to the program.</summary>
    private static string? FindFile()
    {
        var beside = Path.Combine(AppContext.BaseDirectory, FileName);
        return Path.Exists(FileName) ? Path.GetFullPath(FileName) : Path.Exists(beside) ? beside : null;
    }

    private static Dictionary<string, string?> ReadFile(string path)
    {
        try
        {
            using var content = new MemoryStream(File.ReadAllBytes(path));
            var file = new ConfigurationBuilder().AddJsonStream(content).Build();
            return file.AsEnumerable().ToDictionary(StringComparer.OrdinalIgnoreCase);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SettingException(path, null, exception.Message);
        }
        catch (Exception exception) when (exception is InvalidDataException or FormatException or JsonException)
        {
            throw new SettingException(path, null, $"is not a JSON object of settings: {exception.GetBaseException().Message}");
        }
    }

    private static IEnumerable<KeyValuePair<string, string?>> ReadVariables()
    {
        foreach (var (name, value) in Variables(""))
        {
            var key = name.Replace(LevelDelimiter, ConfigurationPath.KeyDelimiter, StringComparison.Ordinal);
            if (IsIn(key, Setting.Section) || IsIn(key, JournalSection))
                yield return new(key, value);
            else if (HostPrefixes.FirstOrDefault(prefix => IsIn(key, prefix + ListenerSection)) is { } hostPrefix)
                yield return new(key[hostPrefix.Length..], value);
        }
    }

    /// <summary>Keeps the last value of settings that are given twice.</summary>
    private static Dictionary<string, string?> Last(IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var last = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in settings)
            last[key] = value;
        return last;
    }

    private static bool IsIn(string key, string section) =>
        key.StartsWith(section + ConfigurationPath.KeyDelimiter, StringComparison.OrdinalIgnoreCase);
}
