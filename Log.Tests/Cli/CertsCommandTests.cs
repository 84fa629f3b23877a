using System.Diagnostics;
using System.Net;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LogKit.Tests.Support;

namespace LogKit.Tests.Cli;

/// <summary>
/// <c>logkit certs</c>: the chains are valid for their intended use, private keys are protected, and no file is overwritten.
/// </summary>
public sealed class CertsCommandTests : IDisposable
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly TestDirectory _directory = new();

    private string Tls => _directory["tls"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Without_options_there_is_an_authority_a_server_on_this_machine_and_one_client()
    {
        var (exitCode, output, errors) = await Logkit.RunAsync(["certs", Tls]);
        Assert.Equal(
            (
                0,
                string.Concat(
                    Lines("ca", "the authority"),
                    Lines("server", "the server at localhost, 127.0.0.1, ::1"),
                    Lines("client", "client client"))),
            (exitCode, output));
        Assert.Contains($"--ca {Tls}/ca.crt --cert {Tls}/client.crt --key {Tls}/client.key\n", errors, StringComparison.Ordinal);
        Assert.Equal(
            ["ca.crt", "ca.key", "client.crt", "client.key", "server.crt", "server.key"],
            Directory.GetFiles(Tls).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));

        using var server = Load("server");
        var names = server.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal(["localhost"], names.EnumerateDnsNames());
        Assert.Equal([IPAddress.Loopback, IPAddress.IPv6Loopback], names.EnumerateIPAddresses());
        AssertHolds("server", ServerUse);
        AssertHolds("client", ClientUse);
    }

    [LinuxFact]
    [SupportedOSPlatform("linux")]
    public async Task Keys_are_readable_only_by_their_owner()
    {
        await Logkit.RunAsync(["certs", Tls]);
        foreach (var key in Directory.GetFiles(Tls, "*.key"))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
    }

    public static TheoryData<string, string, string> Clients => new()
    {
        { "alice", "alice", "DNS:alice" },
        { "alice.example.org", "alice.example.org", "DNS:alice.example.org" },
        { "spiffe://example.org/alice", "spiffe-example.org-alice", "URI:spiffe://example.org/alice" },
        { "urn:team:alice", "urn-team-alice", "URI:urn:team:alice" },
        { "Alice_1", "Alice_1", "" },
        { "alice@example.org", "alice-example.org", "" },
        { "../../alice", "alice", "" },
        { "10.0.0.1", "10.0.0.1", "" },
        { "zoë", "zo", "" },
    };

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task A_client_has_its_name_as_common_name_and_alternative_name_and_a_safe_file_name(
        string client, string file, string alternative)
    {
        var (exitCode, _, errors) = await Logkit.RunAsync(["certs", Tls, "--client", client]);
        Assert.True(exitCode == 0, errors);
        using var certificate = Load(file);
        Assert.Equal(client, certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false));
        Assert.Equal(alternative, AlternativeNameOf(certificate));
        AssertHolds(file, ClientUse);
    }

    [Fact]
    public async Task Certificates_have_the_extensions_that_verifiers_require()
    {
        await Logkit.RunAsync(["certs", Tls, "--days", "30"]);
        using var authority = Load("ca");
        using var client = Load("client");
        var (root, leaf) = (
            authority.Extensions.OfType<X509BasicConstraintsExtension>().Single(),
            client.Extensions.OfType<X509BasicConstraintsExtension>().Single());
        Assert.Equal(
            (true, true, 0, true), (root.Critical, root.CertificateAuthority, root.PathLengthConstraint, root.HasPathLengthConstraint));
        Assert.Equal((true, false), (leaf.Critical, leaf.CertificateAuthority));
        Assert.Equal(
            X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign,
            authority.Extensions.OfType<X509KeyUsageExtension>().Single().KeyUsages);
        Assert.Equal(X509KeyUsageFlags.DigitalSignature, client.Extensions.OfType<X509KeyUsageExtension>().Single().KeyUsages);
        Assert.Equal(
            authority.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Single().SubjectKeyIdentifierBytes.ToArray(),
            client.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().Single().KeyIdentifier!.Value.ToArray());
        foreach (var certificate in new[] { authority, client })
        {
            Assert.Equal(20, certificate.SerialNumberBytes.Length);
            Assert.InRange(certificate.SerialNumberBytes.Span[0], 0x40, 0x7F);
        }

        Assert.True(client.NotBefore < DateTime.Now, "it holds already");
        Assert.Equal(TimeSpan.FromDays(30) + TimeSpan.FromHours(1), client.NotAfter.ToUniversalTime() - client.NotBefore.ToUniversalTime());
        Assert.True(authority.NotAfter > client.NotAfter, "the authority outlives what it signed");
    }

    [Fact]
    public async Task A_client_is_added_to_an_authority_and_other_files_stay_unchanged()
    {
        await Logkit.RunAsync(["certs", Tls]);
        var before = Contents();
        var (exitCode, output, _) = await Logkit.RunAsync(["certs", Tls, "--client", "bob"]);
        Assert.Equal((0, Lines("bob", "client bob")), (exitCode, output));
        AssertHolds("bob", ClientUse);
        Assert.Equal(before, Contents().Where(file => !Path.GetFileName(file.Name).StartsWith("bob.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_server_is_renewed_by_the_same_authority_after_its_files_are_deleted()
    {
        await Logkit.RunAsync(["certs", Tls]);
        var refused = await Logkit.RunAsync(["certs", Tls, "--host", "log.example.org"]);
        Assert.Equal((1, "", $"error: cannot write {Tls}/server.crt: it already exists and is not overwritten\n"), refused);
        File.Delete($"{Tls}/server.crt");
        File.Delete($"{Tls}/server.key");
        var (exitCode, output, _) = await Logkit.RunAsync(["certs", Tls, "--host", "log.example.org"]);
        Assert.Equal((0, Lines("server", "the server at log.example.org")), (exitCode, output));
        AssertHolds("server", ServerUse);
    }

    public static TheoryData<string, string[]> Occupied => new()
    {
        { "ca.crt", [] },
        { "bob.crt", ["--client", "carol", "--client", "bob"] },
        { "bob.key", ["--client", "carol", "--client", "bob"] },
    };

    [Theory]
    [MemberData(nameof(Occupied))]
    public async Task If_a_file_exists_no_file_is_written(string occupied, string[] options)
    {
        await Logkit.RunAsync(["certs", Tls]);
        await File.WriteAllTextAsync(Path.Combine(Tls, occupied), "somebody's");
        var before = Contents();
        var (exitCode, output, errors) = await Logkit.RunAsync(["certs", Tls, .. options]);
        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith($"error: cannot write {Tls}/{occupied}: it already exists", errors, StringComparison.Ordinal);
        Assert.Equal(before, Contents());
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("server")]
    [InlineData(null)]
    public async Task Without_a_valid_authority_no_client_is_added(string? inPlaceOfIt)
    {
        await Logkit.RunAsync(["certs", Tls]);
        foreach (var extension in (string[])["crt", "key"])
        {
            if (inPlaceOfIt is "server")
                File.Copy($"{Tls}/server.{extension}", $"{Tls}/ca.{extension}", overwrite: true);
            else if (inPlaceOfIt is not null)
                await File.WriteAllTextAsync($"{Tls}/ca.{extension}", inPlaceOfIt);
        }

        if (inPlaceOfIt is null)
            File.Delete($"{Tls}/ca.key");
        var (exitCode, output, errors) = await Logkit.RunAsync(["certs", Tls, "--client", "bob"]);
        Assert.Equal((1, ""), (exitCode, output));
        Assert.StartsWith($"error: cannot read {Tls}/ca.", errors, StringComparison.Ordinal);
        Assert.False(File.Exists($"{Tls}/bob.crt"));
    }

    public static TheoryData<string[], string> Wrong => new()
    {
        { [], "required argument missing" },
        { ["--client", ".."], "--client '..' must contain a letter or a digit, for the name of its file" },
        { ["--client", "a b"], "--client 'a b' must not contain spaces or '#'" },
        { ["--client", new string('a', 65)], "must have 1 to 64 characters" },
        { ["--client", "ca"], "--client 'ca' would be written to ca.crt, which is for the authority" },
        { ["--client", "Server"], "--client 'Server' would be written to Server.crt, which is for the server" },
        { ["--client", "a/b", "--client", "a:b"], "--client 'a:b' would be written to a-b.crt, which is for --client 'a/b'" },
        { ["--client", "spiffe://Example.org/a"], "--client 'spiffe://Example.org/a' must be written as 'spiffe://example.org/a'" },
        { ["--host", "not a host"], "--host 'not a host' must be a DNS name in lower case or an IP address" },
        { ["--host", "1"], "--host '1' must be a DNS name" },
        { ["--days", "0"], "--days '0' must be a whole number, from 1 to 36500" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Invalid_options_are_refused_with_the_valid_ones(string[] options, string message)
    {
        var (exitCode, output, errors) = await Logkit.RunAsync(options.Length == 0 ? ["certs"] : ["certs", Tls, .. options]);
        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains(message, errors, StringComparison.OrdinalIgnoreCase);
        Assert.False(Directory.Exists(Tls));
    }

    [OpensslTheory]
    [InlineData("server", "sslserver")]
    [InlineData("client", "sslclient")]
    public async Task Another_implementation_accepts_the_chain(string name, string purpose)
    {
        await Logkit.RunAsync(["certs", Tls]);
        var start = new ProcessStartInfo(
            "openssl", ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", $"{Tls}/ca.crt", $"{Tls}/{name}.crt"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var (said, complained) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync().Within("openssl");
        Assert.True(process.ExitCode == 0, $"{await said}{await complained}");
    }

    private string Lines(string file, string owner) =>
        $"{Tls}/{file}.key: the key of {owner}\n{Tls}/{file}.crt: the certificate of {owner}\n";

    private (string Name, string Content)[] Contents() =>
        [.. Directory.GetFiles(Tls).Order(StringComparer.Ordinal).Select(file => (file, File.ReadAllText(file)))];

    private X509Certificate2 Load(string name) => X509Certificate2.CreateFromPemFile($"{Tls}/{name}.crt", $"{Tls}/{name}.key");

    private void AssertHolds(string name, string use)
    {
        using var authority = X509CertificateLoader.LoadCertificateFromFile($"{Tls}/ca.crt");
        using var certificate = Load(name);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(use));
        Assert.True(chain.Build(certificate), string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation)));
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(use is ServerUse ? ClientUse : ServerUse));
        Assert.False(chain.Build(certificate), "it holds for both uses");
    }

    private static string AlternativeNameOf(X509Certificate2 certificate) => string.Join(
        ", ", certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Select(names => names.Format(multiLine: false)));

    /// <summary>
    /// Skips the test, with the reason, if <c>openssl</c> is missing. Other tests check the chains in this process in any case.
    /// </summary>
    private sealed class OpensslTheoryAttribute : TheoryAttribute
    {
        public OpensslTheoryAttribute() => Skip = IsThere() ? null : "there is no openssl";

        private static bool IsThere() => (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator).Any(directory => File.Exists(Path.Combine(directory, "openssl")));
    }
}
