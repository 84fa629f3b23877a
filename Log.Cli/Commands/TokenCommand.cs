using System.Buffers.Text;
using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using LogKit.Cli.Certificates;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit token</c>: creates a token for a client, and its line for the server.</summary>
internal static class TokenCommand
{
    private const int TokenBytes = 32;

    private const string Examples =
        """
        Example: a token for alice
          logkit token alice

        The first line is the token: give it to the client, and to nobody else. The second is a line for the tokens file of the server,
        which contains the SHA-256 of the token, not the token. Nothing is written to a file. If a token is lost, create another.
        """;

    public static Command Create(CliContext context)
    {
        var identity = new Argument<string>("identity") { Description = "The identity of the client" };
        identity.Validators.Add(result =>
        {
            if (Identity.ProblemOf(result.Tokens[0].Value) is { } problem)
                result.AddError($"identity '{result.Tokens[0].Value}' {problem}");
        });
        var command = new ExampleCommand("token", "Creates a token for a client.", Examples) { identity };
        command.SetAction((parsed, _) => RunAsync(parsed.GetValue(identity)!, context));
        return command;
    }

    private static async Task<int> RunAsync(string identity, CliContext context)
    {
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenBytes));
        var output = new LineOutput(context.Stdout);
        await output.WriteLineAsync($"{token}");
        await output.WriteLineAsync($"{identity} {Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(token)))}");
        await output.FlushAsync();
        return ExitCodes.Done;
    }
}
