using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Security;

/// <summary>
/// Files that change while the server runs: the new content takes effect, connections stay open, and unusable content has no effect.
/// </summary>
public sealed class ReloadTests
{
    [Fact]
    public async Task Revoking_a_right_ends_the_streams_that_need_it_and_no_others()
    {
        await using var server = await SecureServer.StartAsync("alice produce consume\nbob consume\n");
        server.Process.Expects(22);
        var alice = server.Connect(server.Authority.Client("alice"));
        var bob = server.Connect(server.Authority.Client("bob"));
        using var aliceTails = alice.ConsumeStream(new ConsumeRequest());
        using var bobTails = bob.ConsumeStream(new ConsumeRequest());
        using var aliceProduces = alice.ProduceStream();
        await ProduceAsync(aliceProduces);
        Assert.True(await aliceTails.ResponseStream.MoveNext());
        Assert.True(await bobTails.ResponseStream.MoveNext());

        await File.WriteAllTextAsync(server.AccessFile, "alice consume\nbob produce\n");
        var produces = await Assert.ThrowsAsync<RpcException>(() =>
            aliceProduces.ResponseStream.MoveNext().Within("alice's stream to end"));
        Assert.Equal((StatusCode.PermissionDenied, "alice is not permitted to produce"), (produces.StatusCode, produces.Status.Detail));
        var tails = await Assert.ThrowsAsync<RpcException>(() => bobTails.ResponseStream.MoveNext().Within("bob's tail to end"));
        Assert.Equal((StatusCode.PermissionDenied, "bob is not permitted to consume"), (tails.StatusCode, tails.Status.Detail));

        // Alice's tail continues and receives what Bob may now produce.
        await bob.ProduceAsync(Request());
        Assert.True(await aliceTails.ResponseStream.MoveNext().Within("what bob produced"));
    }

    [Fact]
    public async Task Removing_a_token_ends_its_streams()
    {
        await using var server = await SecureServer.StartAsync("carol consume\n");
        server.Process.Expects(22);
        using var tails = server.Connect(token: SecureServer.Token).ConsumeStream(new ConsumeRequest());
        await tails.ResponseHeadersAsync.Within("the stream to begin");
        await File.WriteAllTextAsync(server.TokensFile, "# nobody\n");
        var ended = await Assert.ThrowsAsync<RpcException>(() => tails.ResponseStream.MoveNext().Within("the tail to end"));
        Assert.Equal((StatusCode.Unauthenticated, "the bearer token is not known"), (ended.StatusCode, ended.Status.Detail));
    }

    [Fact]
    public async Task A_new_certificate_is_shown_to_new_connections_and_old_ones_stay()
    {
        await using var server = await SecureServer.StartAsync("alice produce consume\n");
        server.Process.Expects(22);
        var seen = new ConcurrentQueue<string>();
        var old = server.Connect(server.Authority.Client("alice"), serverSeen: certificate =>
            seen.Enqueue(certificate.GetCertHashString()));
        await old.ProduceAsync(Request());

        var renewed = server.Authority.Server();
        server.WriteCertificate(renewed);
        await server.Process.SaysAsync($"{server.CertificateFile} and {server.KeyFile} changed and is in force");

        await old.ProduceAsync(Request());
        Assert.Single(seen); // no second handshake: the connection was kept
        var fresh = server.Connect(server.Authority.Client("alice"), serverSeen: certificate =>
            seen.Enqueue(certificate.GetCertHashString()));
        await fresh.ProduceAsync(Request());
        using var shown = X509Certificate2.CreateFromPem(renewed.Certificate);
        Assert.Equal(shown.GetCertHashString(), seen.Last());
        Assert.NotEqual(seen.First(), seen.Last());
    }

    public static TheoryData<string, string, string> BadFiles => new()
    {
        { "access", "alice fly", "line 1: fly is not a right: the rights are produce and consume" },
        { "access", "\nalice\n", "line 2: alice has no rights" },
        { "tokens", "carol secret", "line 1: must be IDENTITY and the SHA-256 of its token" },
        { "server.crt", "-----BEGIN NONSENSE", "it is not a PEM certificate with its PEM key" },
        { "server.key", "", "it is not a PEM certificate with its PEM key" },
    };

    [Theory]
    [MemberData(nameof(BadFiles))]
    public async Task An_unusable_file_changes_nothing_and_the_journal_says_so(string file, string content, string problem)
    {
        await using var server = await SecureServer.StartAsync("alice produce consume\ncarol produce\n");
        server.Process.Expects(23, 22);
        var path = Path.Combine(Path.GetDirectoryName(server.AccessFile)!, file);
        var sound = await File.ReadAllTextAsync(path);
        await File.WriteAllTextAsync(path, content);
        await server.Process.SaysAsync($"changed but can't be used; the previous contents stay in force: {problem}");
        await server.Connect(server.Authority.Client("alice")).ProduceAsync(Request());
        await server.Connect(token: SecureServer.Token).ProduceAsync(Request());

        await File.WriteAllTextAsync(path, sound);
        await server.Process.SaysAsync("changed and is in force");
        await server.Connect(server.Authority.Client("alice")).ProduceAsync(Request());
    }

    [LinuxFact]
    public async Task SIGHUP_reloads_at_once_and_ends_no_stream()
    {
        await using var server = await SecureServer.StartAsync("alice produce consume\n", "--Log:ReloadIntervalMs=3600000");
        server.Process.Expects(22, 25);
        using var tail = server.Connect(server.Authority.Client("alice")).ConsumeStream(new ConsumeRequest());
        await File.WriteAllTextAsync(server.AccessFile, "alice consume\nbob produce\n");
        server.Process.Signal("HUP");
        await server.Process.SaysAsync("reload requested: 4 sets of files checked, 1 changed and in force");
        await server.Connect(server.Authority.Client("bob")).ProduceAsync(Request());
        Assert.True(await tail.ResponseStream.MoveNext().Within("what bob produced"));
    }

    [LinuxFact]
    public async Task An_access_list_that_becomes_a_named_pipe_delays_neither_other_files_nor_a_stop()
    {
        await using var server = await SecureServer.StartAsync("alice produce\nbob consume\n");
        server.Process.Expects(23, 22);
        File.Delete(server.AccessFile);
        using (var making = Process.Start("mkfifo", server.AccessFile))
            await making.WaitForExitAsync();
        await server.Process.SaysAsync("cannot be read within 5 s: is it a regular file?");
        await File.WriteAllTextAsync(server.TokensFile, $"bob {SecureServer.HashOf("secret")}\n");
        await server.Process.SaysAsync($"{server.TokensFile} changed and is in force");
        using var tail = server.Connect(token: "secret").ConsumeStream(new ConsumeRequest());
        await server.Connect(server.Authority.Client("alice")).ProduceAsync(Request());
        Assert.True(await tail.ResponseStream.MoveNext().Within("the record"));
        server.Process.Signal("TERM");
        Assert.Equal(0, await server.Process.ExitCodeAsync());
    }

    private static ProduceRequest Request() => new() { RecordBatch = new V1.RecordBatch { Records = { new V1.Record() } } };

    private static async Task ProduceAsync(AsyncDuplexStreamingCall<ProduceRequest, ProduceResponse> call)
    {
        await call.RequestStream.WriteAsync(Request());
        Assert.True(await call.ResponseStream.MoveNext().Within("an answer"));
    }
}
