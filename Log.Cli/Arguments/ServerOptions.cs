using System.CommandLine;
using System.CommandLine.Parsing;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;
using LogKit.Client;

namespace LogKit.Cli.Arguments;

/// <summary>
/// The options of every command that connects to a server: its address (the option, or else the variable, or else the default address), its
/// authority, and the identity of the caller.
/// </summary>
internal sealed class ServerOptions
{
    private const string AddressName = "--address";
    private const string DefaultAddress = "http://127.0.0.1:8400";

    private readonly Option<string> _address;
    private readonly Option<string?> _ca = FileOption(
        "--ca", "A PEM file of the certificate authorities to trust; by default, those of the system");
    private readonly Option<string?> _certificate = FileOption("--cert", "The client certificate, in PEM");
    private readonly Option<string?> _key = FileOption("--key", "The key of the client certificate, in PEM");
    private readonly Option<bool> _tls = new("--tls") { Description = "Use TLS for a dns:/// address; https:// implies it" };
    private readonly Option<string?> _tokenFile = FileOption(
        "--token-file", $"A file that contains the bearer token; by default, it is taken from the variable {CliContext.TokenVariable}");
    private readonly string? _token;

    public ServerOptions(CliContext context)
    {
        _token = context.Token;
        var variable = context.Address;
        _address = new Option<string>(AddressName, "-a")
        {
            Description =
                "The server, as http://HOST:PORT or https://HOST:PORT, several of these with commas between them, or dns:///HOST:PORT for "
                    + $"all addresses of a name; the variable {CliContext.AddressVariable} serves as well",
            HelpName = "address",
            CustomParser = result => Parse(result, AddressName, result.Tokens[0].Value),
            DefaultValueFactory = result =>
                variable is { Length: > 0 } ? Parse(result, CliContext.AddressVariable, variable)! : DefaultAddress,
        };
    }

    public void AddTo(Command command)
    {
        command.Options.Add(_address);
        command.Options.Add(_ca);
        command.Options.Add(_certificate);
        command.Options.Add(_key);
        command.Options.Add(_tls);
        command.Options.Add(_tokenFile);
        command.Validators.Add(result =>
        {
            if (result.GetResult(_certificate) is null != result.GetResult(_key) is null)
                result.AddError("--cert and --key go together");
        });
    }

    public string AddressOf(ParseResult parsed) => parsed.GetValue(_address)!;

    /// <summary>Reads the files that the options name, and opens the log.</summary>
    /// <exception cref="CommandException">A file cannot be used.</exception>
    public Task<GrpcLog> ConnectAsync(ParseResult parsed, CancellationToken stopping) =>
        BlockingCalls.RunAsync(() => Connect(parsed), stopping);

    private GrpcLog Connect(ParseResult parsed)
    {
        try
        {
            return GrpcLog.Connect(AddressOf(parsed), new GrpcLogOptions
            {
                CaFile = parsed.GetValue(_ca),
                CertificateFile = parsed.GetValue(_certificate),
                KeyFile = parsed.GetValue(_key),
                UseTls = parsed.GetValue(_tls),
                Token = parsed.GetValue(_tokenFile) is { } file ? TokenIn(file) : _token,
            });
        }
        catch (ArgumentException exception)
        {
            var advice =
                parsed.GetValue(_tokenFile) is null
                && _token is not null
                && exception.Message.StartsWith("a token", StringComparison.Ordinal)
                    ? $" (the token comes from the variable {CliContext.TokenVariable}: unset it for a server without TLS)"
                    : "";
            throw new CommandException(exception.Message + advice, exception);
        }
    }

    private static string TokenIn(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim() is { Length: > 0 } token
                ? token
                : throw new CommandException($"the token file {file} is empty");
        }
        catch (Exception exception) when (exception is ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"the token file {file} cannot be read: {exception.Message}", exception);
        }
    }

    private static Option<string?> FileOption(string name, string description) =>
        new(name) { Description = description, HelpName = "file" };

    private static string? Parse(ArgumentResult result, string origin, string value)
    {
        var addresses = value.Split(',').Select(AddressIn).ToList();
        if (addresses.TrueForAll(address => address is not null))
            return string.Join(',', addresses);
        result.AddError($"{origin} '{value}' is not an address: it must be http://HOST:PORT, https://HOST:PORT, or dns:///HOST:PORT");
        return null;
    }

    private static string? AddressIn(string value)
    {
        if (!Uri.TryCreate(value, UriKind.Absolute, out var address) || address.UserInfo.Length > 0 || address.Fragment.Length > 0)
            return null;
        return address.Scheme switch
        {
            "http" or "https" when address.Host.Length > 0 && address.PathAndQuery is "/" => address.GetLeftPart(UriPartial.Authority),
            "dns" when address is { Host: "", AbsolutePath.Length: > 1, Query: "" } => address.OriginalString,
            _ => null,
        };
    }
}
