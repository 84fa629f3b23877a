using System.Security.Cryptography.X509Certificates;
using LogKit.Tests.Support;

namespace LogKit.Tests.Cli;

/// <summary>
/// The identity that a command presents to a server with access control, and the messages for invalid identities and files.
/// </summary>
public sealed class ServerOptionsTests(ServerOptionsTests.Fixture fixture) : IClassFixture<ServerOptionsTests.Fixture>
{
    private const string Trusting = "--ca ca.crt";

    public static TheoryData<string, string?> Callers => new()
    {
        { $"{Trusting} --cert alice.crt --key alice.key", null },
        { $"{Trusting} --token-file token", null },
        { Trusting, SecureServer.Token },
        { $"{Trusting} --token-file token", "the token of another server" },
    };

    [Theory]
    [MemberData(nameof(Callers))]
    public async Task A_caller_with_the_right_can_produce_and_tail(string options, string? tokenVariable)
    {
        var value = $"by {options} {tokenVariable}";
        var produced = await RunAsync(["produce", value], options, tokenVariable);
        Assert.Equal((0, ""), (produced.ExitCode, produced.Output));
        Assert.StartsWith("produced 1 record ", produced.Errors, StringComparison.Ordinal);

        var tailed = await RunAsync(["tail", "--from-start", "--stop-at-end"], options, tokenVariable);
        Assert.Equal((0, ""), (tailed.ExitCode, tailed.Errors));
        Assert.Contains(value, tailed.Output.Split('\n'));
    }

    public static TheoryData<string, string> Refusals => new()
    {
        { $"{Trusting} --cert nobody.crt --key nobody.key", "error: PERMISSION_DENIED: nobody is not permitted to produce\n" },
        { Trusting, "error: UNAUTHENTICATED: client identity is required\n" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_caller_without_the_right_gets_a_one_line_error(string options, string errors)
    {
        fixture.ExpectsRefusal();
        Assert.Equal((1, "", errors), await RunAsync(["produce", "a"], options));
    }

    public static TheoryData<string, string, int, string> Mistakes =>
        new()
        {
            { "https", "--cert alice.crt", 2, "error: --cert and --key go together\nsee logkit range --help\n" },
            { "https", "--key alice.key", 2, "error: --cert and --key go together\nsee logkit range --help\n" },
            { "http", Trusting, 1, "error: a CA file requires TLS: the address 'http://localhost:1' must be https://\n" },
            {
                "http",
                "--cert alice.crt --key alice.key",
                1,
                "error: a client certificate requires TLS: the address 'http://localhost:1' must be https://\n"
            },
            { "http", "--token-file token", 1, "error: a token requires TLS: the address 'http://localhost:1' must be https://\n" },
            { "http", "--tls", 1, "error: TLS is required: the address 'http://localhost:1' must be https://\n" },
            {
                "https",
                "--ca missing",
                1,
                "error: the CA file DIRECTORY/missing cannot be read: Could not find file 'DIRECTORY/missing'.\n"
            },
            {
                "https",
                "--cert missing --key alice.key",
                1,
                "error: the certificate file DIRECTORY/missing cannot be read: Could not find file 'DIRECTORY/missing'.\n"
            },
            {
                "https",
                "--cert alice.crt --key missing",
                1,
                "error: the key file DIRECTORY/missing cannot be read: Could not find file 'DIRECTORY/missing'.\n"
            },
            {
                "https",
                "--cert alice.crt --key nobody.key",
                1,
                "error: the key file DIRECTORY/nobody.key does not contain the key of DIRECTORY/alice.crt: "
            },
            {
                "https",
                "--token-file missing",
                1,
                "error: the token file DIRECTORY/missing cannot be read: Could not find file 'DIRECTORY/missing'.\n"
            },
            { "https", "--token-file empty", 1, "error: the token file DIRECTORY/empty is empty\n" },
        };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_mistake_is_reported_before_anything_is_sent(string scheme, string options, int exitCode, string errors)
    {
        var outcome = await RunAsync(["range"], options, address: $"{scheme}://localhost:1");
        Assert.Equal((exitCode, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith(
            errors.Replace("DIRECTORY", fixture.Directory.Path, StringComparison.Ordinal), outcome.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", outcome.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_of_an_untrusted_authority_is_not_used()
    {
        var outcome = await RunAsync(["range"], "--ca stranger.crt");
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Output));
        Assert.StartsWith($"error: UNAVAILABLE: cannot reach {fixture.Address}: ", outcome.Errors, StringComparison.Ordinal);
    }

    /// <param name="arguments">The command.</param>
    /// <param name="options">
    /// The options of the command. A word that is not an option is the name of a file in the directory of the fixture.
    /// </param>
    /// <param name="token">The value of the environment variable for the token.</param>
    /// <param name="address">The address of the server; null for the server of the fixture.</param>
    private Task<(int ExitCode, string Output, string Errors)> RunAsync(
        string[] arguments, string options, string? token = null, string? address = null)
    {
        var words = options.Split(' ').Select(word => word.StartsWith('-') ? word : fixture.Directory[word]);
        return Logkit.RunAsync([arguments[0], .. words, .. arguments[1..]], address ?? fixture.Address, token);
    }

    /// <summary>A server with access control, and the files of its clients.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        private const int CallRefused = 20;

        private SecureServer _server = null!;
        private int _refusals;

        internal TestDirectory Directory { get; } = new();

        internal string Address => $"https://localhost:{_server.Port}";

        public async Task InitializeAsync()
        {
            _server = await SecureServer.StartAsync("alice produce consume\ncarol produce consume\n");
            await File.WriteAllTextAsync(Directory["ca.crt"], _server.Authority.Pem);
            await File.WriteAllTextAsync(Directory["token"], $"{SecureServer.Token}\n");
            await File.WriteAllTextAsync(Directory["empty"], "\n");
            using var stranger = new TestAuthority("a stranger");
            await File.WriteAllTextAsync(Directory["stranger.crt"], stranger.Pem);
            foreach (var name in new[] { "alice", "nobody" })
            {
                using var certificate = _server.Authority.Client(name);
                await File.WriteAllTextAsync(Directory[$"{name}.crt"], certificate.ExportCertificatePem());
                using var key = certificate.GetECDsaPrivateKey()!;
                await File.WriteAllTextAsync(Directory[$"{name}.key"], key.ExportPkcs8PrivateKeyPem());
            }
        }

        /// <summary>Announces that one more call is refused, which writes an entry to the journal.</summary>
        internal void ExpectsRefusal() => _server.Process.Expects([.. Enumerable.Repeat(CallRefused, ++_refusals)]);

        public async Task DisposeAsync()
        {
            await _server.DisposeAsync();
            Directory.Dispose();
        }
    }
}
