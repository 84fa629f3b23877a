using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using LogKit.Cli.Arguments;
using LogKit.Cli.Certificates;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;

namespace LogKit.Cli.Commands;

/// <summary><c>logkit certs</c>: creates a private authority, and certificates for a server and clients.</summary>
internal static class CertsCommand
{
    private const int DefaultDays = 365;
    private const int MaxDays = 36_500;
    private const string DefaultClient = "client";

    private static readonly string[] DefaultHosts = ["localhost", "127.0.0.1", "::1"];

    private const string Examples =
        """
        Examples:
          logkit certs tls                                     for a server on this machine, and a client 'client'
          logkit certs tls --host log.example.org --client alice --client spiffe://example.org/billing
          logkit certs tls --client bob                        later, with the same authority: another client

        Writes ca.crt, server.crt, and NAME.crt for each client, each with its .key, in PEM. Only the owner can read the keys. The server
        identifies a client by its NAME. In file names, characters other than letters, digits, '.', '_', and '-' become '-':
        spiffe://example.org/billing is written to spiffe-example.org-billing.crt. No file is overwritten: to renew a certificate,
        move its files away first. If the authority exists, a server certificate is created only if --host is given.
        Keep ca.key away from the server: anyone who has it can impersonate any client.
        """;

    public static Command Create(CliContext context)
    {
        var directory = new Argument<string>("directory") { Description = "The directory for the files; created if it does not exist" };
        var hosts = new Option<string[]>("--host")
        {
            Description = $"A name or address of the server, as clients specify it; by default: {string.Join(", ", DefaultHosts)}",
            HelpName = "name",
        };
        var clients = new Option<string[]>("--client")
        {
            Description = $"The name of a client, which is its identity; by default: {DefaultClient}",
            HelpName = "name",
        };
        var days = NumberOption.Create("--days", "How long servers' and clients' certificates hold", 1, MaxDays);
        days.DefaultValueFactory = _ => DefaultDays;
        hosts.Validators.Add(RequireHosts);
        clients.Validators.Add(RequireClients);

        var command = new ExampleCommand("certs", "Creates a private certificate authority, and certificates for mutual TLS.", Examples)
        {
            directory, hosts, clients, days,
        };
        command.SetAction((parsed, _) => RunAsync(
            parsed.GetValue(directory)!, parsed.GetValue(hosts) ?? [], parsed.GetValue(clients) ?? [],
            TimeSpan.FromDays(parsed.GetValue(days)), context));
        return command;
    }

    private static void RequireHosts(OptionResult result)
    {
        foreach (var host in result.Tokens.Select(token => token.Value).Where(host => !IsAddress(host) && !Identity.IsDnsName(host)))
            result.AddError($"--host '{host}' must be a DNS name in lower case or an IP address");
    }

    private static void RequireClients(OptionResult result)
    {
        var names = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            [CertificateDirectory.Authority] = "the authority",
            [CertificateDirectory.Server] = "the server",
        };
        foreach (var client in result.Tokens.Select(token => token.Value))
        {
            if (Identity.ProblemOf(client) is { } problem)
                result.AddError($"--client '{client}' {problem}");
            else if (Identity.FileNameOf(client) is not { } name)
                result.AddError($"--client '{client}' must contain a letter or a digit, for the name of its file");
            else if (!names.TryAdd(name, $"--client '{client}'"))
                result.AddError($"--client '{client}' would be written to {name}.crt, which is for {names[name]}");
        }
    }

    // The framework also accepts "1" as an address.
    private static bool IsAddress(string host) =>
        IPAddress.TryParse(host, out var address)
        && address.ToString().Equals(host, StringComparison.OrdinalIgnoreCase)
        && !host.Contains('%');

    private static async Task<int> RunAsync(
        string path, string[] hosts, string[] clients, TimeSpan lifetime, CliContext context)
    {
        var directory = new CertificateDirectory(path);
        var isNew = !directory.HasAuthority;
        if (isNew)
            (hosts, clients) = (hosts is [] ? DefaultHosts : hosts, clients is [] ? [DefaultClient] : clients);
        else if (hosts is [] && clients is [])
            throw CommandException.CannotWrite(
                directory.CertificateOf(CertificateDirectory.Authority), "it already exists; --client NAME adds a client to it");
        if (hosts is not [])
            directory.RequireFree(CertificateDirectory.Server);
        foreach (var client in clients)
            directory.RequireFree(Identity.FileNameOf(client)!);

        var now = DateTimeOffset.UtcNow;
        using var authority = isNew ? CertificateAuthority.Create(lifetime, now) : directory.OpenAuthority();
        if (authority.Ends <= now)
            throw CommandException.CannotRead(
                directory.CertificateOf(CertificateDirectory.Authority), $"the authority expired on {authority.Ends:yyyy-MM-dd}");

        var output = new LineOutput(context.Stdout);
        if (isNew)
            await WriteAsync(CertificateDirectory.Authority, authority.ToPem(), "the authority");
        if (hosts is not [])
            await WriteAsync(
                CertificateDirectory.Server, authority.IssueServer(hosts, lifetime, now), $"the server at {string.Join(", ", hosts)}");
        foreach (var client in clients)
            await WriteAsync(Identity.FileNameOf(client)!, authority.IssueClient(client, lifetime, now), $"client {client}");
        await output.FlushAsync();
        await context.Stderr.WriteLineAsync(NextSteps(directory, clients is [] ? null : clients[0], isNew));
        return ExitCodes.Done;

        async Task WriteAsync(string name, PemPair pem, string owner)
        {
            directory.Write(name, pem);
            await output.WriteLineAsync($"{directory.KeyOf(name)}: the key of {owner}");
            await output.WriteLineAsync($"{directory.CertificateOf(name)}: the certificate of {owner}");
        }
    }

    private static string NextSteps(CertificateDirectory directory, string? client, bool isNew)
    {
        var authority = directory.CertificateOf(CertificateDirectory.Authority);
        var server =
            $"the server takes --Log:Address=https://HOST:PORT --Log:CertificateFile={directory.CertificateOf(CertificateDirectory.Server)}"
            + $" --Log:KeyFile={directory.KeyOf(CertificateDirectory.Server)} --Log:ClientCaFile={authority}";
        if (client is null)
            return $"next: {server}";
        var name = Identity.FileNameOf(client)!;
        var use = $"a client takes --ca {authority} --cert {directory.CertificateOf(name)} --key {directory.KeyOf(name)}";
        var access = $"the server's access file takes a line '{client} produce consume'";
        return isNew ? $"next: {server}\n      {access}\n      {use}" : $"next: {access}\n      {use}";
    }
}
