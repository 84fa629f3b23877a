using System.CommandLine;
using System.CommandLine.Parsing;

namespace LogKit.Cli;

/// <summary>Where the server is: the option, else the variable, else where a server listens by default.</summary>
internal static class AddressOption
{
    private const string Name = "--address";
    private const string Default = "http://127.0.0.1:8400";

    /// <param name="variable">The value of <see cref="Surroundings.AddressVariable"/>, if it is set.</param>
    public static Option<string> Create(string? variable) => new(Name, "-a")
    {
        Description = $"The server, as http://HOST:PORT or https://HOST:PORT; the variable {Surroundings.AddressVariable} serves as well",
        HelpName = "address",
        CustomParser = result => Parse(result, Name, result.Tokens[0].Value),
        DefaultValueFactory = result => variable is { Length: > 0 }
            ? Parse(result, Surroundings.AddressVariable, variable)!
            : Default,
    };

    private static string? Parse(ArgumentResult result, string origin, string value)
    {
        if (Uri.TryCreate(value, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.Host.Length > 0
            && address.PathAndQuery is "/" && address.UserInfo.Length == 0 && address.Fragment.Length == 0)
            return address.GetLeftPart(UriPartial.Authority);
        result.AddError($"{origin} '{value}' is not an address: it must be http://HOST:PORT or https://HOST:PORT");
        return null;
    }
}
