using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Security;

/// <summary>Authentication and authorization of each kind of caller, against one real server.</summary>
[UsesVerify]
public sealed class ConnectingTests(ConnectingTests.Servers servers) : IClassFixture<ConnectingTests.Servers>
{
    private const string Access =
        """
        # who          may do what
        alice          produce consume
        spiffe://a/bob consume
        carol          produce   # by token
        """;

    /// <summary>One server for all rows. No row changes state that another row sees.</summary>
    public sealed class Servers : IAsyncLifetime
    {
        internal SecureServer Secure { get; private set; } = null!;

        internal TestAuthority Stranger { get; } = new("another authority");

        public async Task InitializeAsync()
        {
            Secure = await SecureServer.StartAsync(Access);
            Secure.Process.ExpectsOnly(20, 21, 43); // refused calls, refused certificates, and the count of further refusals
        }

        public async Task DisposeAsync()
        {
            await Secure.DisposeAsync();
            Stranger.Dispose();
        }
    }

    private sealed record Row(Func<Servers, V1.Log.LogClient> Connect, string Produces, string Consumes);

    private const int HandshakeFailure = 40;
    private const int ProtocolVersion = 70;
    private const string Fine = "OK";
    private const string NoConnection = "Unavailable";
    private const string NoIdentity = "Unauthenticated: client identity is required";
    private const string NoToken = "Unauthenticated: the bearer token is not known";

    private static readonly Dictionary<string, Row> Rows = new()
    {
        ["a certificate with all rights"] = new(With(own => own.Client("alice")), Fine, Fine),
        ["a certificate whose URI has a right"] = new(
            With(own => own.Client("alice", uri: "spiffe://a/bob")),
            "PermissionDenied: spiffe://a/bob is not permitted to produce",
            Fine),
        ["a certificate whose DNS name has rights"] = new(With(own => own.Client("nobody", dns: "alice")), Fine, Fine),
        ["a URI comes before a DNS name"] = new(
            With(own => own.Client("x", uri: "spiffe://a/eve", dns: "alice")),
            "PermissionDenied: spiffe://a/eve is not permitted to produce",
            "PermissionDenied: spiffe://a/eve is not permitted to consume"),
        ["a certificate without rights"] = new(
            With(own => own.Client("nobody")),
            "PermissionDenied: nobody is not permitted to produce",
            "PermissionDenied: nobody is not permitted to consume"),
        ["names are compared exactly"] = new(
            With(own => own.Client("Alice")),
            "PermissionDenied: Alice is not permitted to produce",
            "PermissionDenied: Alice is not permitted to consume"),
        ["no certificate"] = new(servers => servers.Secure.Connect(), NoIdentity, NoIdentity),
        ["a certificate of another authority"] = new(
            servers => servers.Secure.Connect(servers.Stranger.Client("alice")), NoConnection, NoConnection),
        ["a certificate signed by itself"] = new(servers => servers.Secure.Connect(servers.Stranger.Root), NoConnection, NoConnection),
        ["an expired certificate"] = new(With(own => own.Client("alice", daysFrom: -9, daysTo: -1)), NoConnection, NoConnection),
        ["a certificate that is not valid yet"] = new(With(own => own.Client("alice", daysFrom: 1)), NoConnection, NoConnection),
        ["a certificate for servers"] = new(With(own => own.Client("alice", isForServers: true)), NoConnection, NoConnection),
        ["a token with a right"] = new(
            servers => servers.Secure.Connect(token: SecureServer.Token), Fine, "PermissionDenied: carol is not permitted to consume"),
        ["a token that is wrong by one character"] = new(
            servers => servers.Secure.Connect(token: SecureServer.Token[..^1] + "3"), NoToken, NoToken),
        ["a token's hash in place of the token"] = new(
            servers => servers.Secure.Connect(token: SecureServer.HashOf(SecureServer.Token)), NoToken, NoToken),
        ["a wrong token beside a right certificate"] = new(
            servers => servers.Secure.Connect(servers.Secure.Authority.Client("alice"), "wrong"), NoToken, NoToken),
        ["a server by another name"] = new(
            servers => servers.Secure.Connect(servers.Secure.Authority.Client("alice"), host: "127.0.0.1"), NoConnection, NoConnection),
        ["a server that the client does not trust"] = new(
            servers => servers.Secure.Connect(servers.Secure.Authority.Client("alice"), trusted: servers.Stranger.Root),
            NoConnection,
            NoConnection),
    };

    public static TheoryData<string> Names => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Caller(string name)
    {
        var row = Rows[name];
        var client = row.Connect(servers);
        Assert.Equal(row.Produces, await StatusOf(client.ProduceAsync(Request()).ResponseAsync, row.Produces));
        Assert.Equal(row.Produces, await StatusOf(ProduceOnStreamAsync(client), row.Produces));
        Assert.Equal(row.Consumes, await StatusOf(ConsumeAsync(client), row.Consumes));
        Assert.Equal(
            row.Consumes,
            await StatusOf(client.ConsumeStream(new ConsumeRequest { StopAtEnd = true }).ResponseStream.MoveNext(), row.Consumes));
    }

    public static TheoryData<string> Refusals =>
        ["no certificate", "a token that is wrong by one character", "a certificate without rights"];

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Status_of(string caller)
    {
        var client = Rows[caller].Connect(servers);
        var unary = await Assert.ThrowsAsync<RpcException>(() => client.ProduceAsync(Request()).ResponseAsync);
        var stream = await Assert.ThrowsAsync<RpcException>(() => ProduceOnStreamAsync(client));
        Assert.Equal(StatusText.Of(unary), StatusText.Of(stream));
        await Verify(StatusText.Of(unary)).UseParameters(caller.Replace(' ', '_'));
    }

    [Fact]
    public async Task Any_right_is_enough_for_the_range_and_none_is_not()
    {
        await servers.Secure.Connect(token: SecureServer.Token).GetRangeAsync(new GetRangeRequest());
        var refused = await Assert.ThrowsAsync<RpcException>(() =>
            servers.Secure.Connect(servers.Secure.Authority.Client("nobody")).GetRangeAsync(new GetRangeRequest()).ResponseAsync);
        Assert.Equal(
            (StatusCode.PermissionDenied, "nobody is not permitted to produce or consume"), (refused.StatusCode, refused.Status.Detail));
    }

    [Theory]
    [InlineData(0x0300, "SSL 3.0", HandshakeFailure)]
    [InlineData(0x0301, "TLS 1.0", ProtocolVersion)]
    [InlineData(0x0302, "TLS 1.1", ProtocolVersion)]
    public async Task An_old_version_of_TLS_is_refused(int version, string name, int alert)
    {
        // Written by hand, because current TLS libraries no longer support these versions.
        byte[] body = [(byte)(version >> 8), (byte)version, .. new byte[32], 0, 0, 4, 0xC0, 0x13, 0x00, 0x2F, 1, 0];
        byte[] hello = [0x16, 3, 1, 0, (byte)(body.Length + 4), 1, 0, 0, (byte)body.Length, .. body];
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", servers.Secure.Port);
        await client.GetStream().WriteAsync(hello);
        var answer = new byte[7];
        await client.GetStream().ReadAtLeastAsync(answer, answer.Length, throwOnEndOfStream: false).AsTask().Within($"an answer to {name}");
        Assert.Equal([0x15, 2, (byte)alert], [answer[0], answer[5], answer[6]]); // a fatal alert
    }

    [Fact]
    public async Task Nothing_secret_is_in_the_journal()
    {
        await StatusOf(servers.Secure.Connect(token: "my-secret-of-a-token").ProduceAsync(Request()).ResponseAsync, NoToken);
        await servers.Secure.Process.SaysAsync("the bearer token is not known");
        Assert.DoesNotContain("my-secret-of-a-token", servers.Secure.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(SecureServer.Token, servers.Secure.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(SecureServer.HashOf(SecureServer.Token), servers.Secure.Process.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_call_is_refused_before_its_body_comes()
    {
        // The body of the request is never sent, but the status still arrives.
        using var call = servers.Secure.Connect().ProduceStream();
        Assert.Equal(NoIdentity, await StatusOf(call.ResponseStream.MoveNext(), NoIdentity));
    }

    private static Func<Servers, V1.Log.LogClient> With(Func<TestAuthority, X509Certificate2> certificate) =>
        servers => servers.Secure.Connect(certificate(servers.Secure.Authority));

    private static ProduceRequest Request() => new() { RecordBatch = new V1.RecordBatch { Records = { new V1.Record() } } };

    private static async Task ConsumeAsync(V1.Log.LogClient client)
    {
        try
        {
            await client.ConsumeAsync(new ConsumeRequest());
        }
        catch (RpcException exception) when (exception.StatusCode is StatusCode.OutOfRange)
        {
            // The call was permitted. The log is still empty.
        }
    }

    private static async Task ProduceOnStreamAsync(V1.Log.LogClient client)
    {
        using var call = client.ProduceStream();
        try
        {
            await call.RequestStream.WriteAsync(Request());
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception exception) when (exception is RpcException or IOException)
        {
            // The server ended the call or the connection before it read the request. The response stream has the reason.
        }

        while (await call.ResponseStream.MoveNext())
        {
            // Read to the end, which throws if the call failed.
        }
    }

    /// <summary>
    /// Returns how a call ended. Connection failures have many messages, so all of them are reported as <see cref="NoConnection"/>.
    /// </summary>
    private static async Task<string> StatusOf(Task call, string expected)
    {
        try
        {
            await call.Within(expected);
            return Fine;
        }
        catch (RpcException exception)
        {
            var isConnection = expected is NoConnection && exception.StatusCode is StatusCode.Unavailable or StatusCode.Internal;
            return isConnection ? NoConnection : $"{exception.StatusCode}: {exception.Status.Detail}";
        }
        catch (IOException) when (expected is NoConnection)
        {
            return NoConnection; // the connection was closed during the HTTP/2 handshake
        }
    }
}
