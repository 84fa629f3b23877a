using System.Net;
using System.Net.Sockets;
using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hosting;

/// <summary>Health checks at the management address, which do not depend on the load at the main address.</summary>
public sealed class ManagementTests : IDisposable
{
    private const string Address = "--Log:ManagementAddress=http://127.0.0.1:0";

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_management_address_serves_health_and_nothing_else_does()
    {
        using var server = ServerProcess.StartOn(_directory["log"], Address);
        var address = await server.AddressAsync();
        using var management = await ClientAsync(server);
        Assert.Equal((HttpStatusCode.OK, "ok\n"), await GetAsync(management, "/healthz"));
        Assert.Equal((HttpStatusCode.OK, "ok\n"), await GetAsync(management, "/readyz"));
        foreach (var path in (string[])["/", "/log.v1.Log/GetRange", "/grpc.health.v1.Health/Check", "/healthz/"])
            Assert.Equal((HttpStatusCode.NotFound, "there is /healthz and /readyz\n"), await GetAsync(management, path));
        using (var posted = await management.PostAsync(new Uri("/healthz", UriKind.Relative), new ByteArrayContent([1])))
            Assert.Equal(HttpStatusCode.MethodNotAllowed, posted.StatusCode);

        foreach (var (page, exitCode) in ((string, int)[])[("readyz", 0), ("missing", 1)])
            Assert.Equal(exitCode, await ProbeAsync($"{management.BaseAddress}{page}"));
        await using (var log = GrpcLog.Connect($"{management.BaseAddress}"))
            await Assert.ThrowsAnyAsync<LogException>(async () => await log.GetRangeAsync());
        using var client = new HttpClient
        {
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var elsewhere = await client.GetAsync(new Uri($"{address}/healthz"));
        Assert.NotEqual(HttpStatusCode.OK, elsewhere.StatusCode);
        Assert.DoesNotContain("fail:", server.Output, StringComparison.Ordinal);
    }

    [LinuxFact]
    public async Task A_log_that_is_read_only_until_a_restart_needs_one()
    {
        using var server = ServerProcess.StartOn(_directory["log"], Address);
        server.Expects(60);
        await server.AddressAsync();
        using var management = await ClientAsync(server);
        Directory.Delete(_directory["log"], recursive: true);
        await server.SaysAsync("fail: LogKit[60] the log in ");
        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, "read-only until the server is restarted\n"), await GetAsync(management, "/healthz"));
        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, "read-only until the server is restarted\n"), await GetAsync(management, "/readyz"));
    }

    [Fact]
    public async Task Neither_the_connection_limit_nor_idle_connections_keep_a_probe_out()
    {
        using var server = ServerProcess.StartOn(_directory["log"], Address, "--Log:ConnectionLimit=1");
        server.Expects(41);
        await using var log = GrpcLog.Connect(await server.AddressAsync());
        await log.AppendBatchAsync(RecordBatch.OfText("there is no other place"));
        using var management = await ClientAsync(server);
        var idle = new List<Socket>();
        try
        {
            for (var i = 0; i < 200; i++)
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                idle.Add(socket);
                await socket.ConnectAsync(IPAddress.Loopback, management.BaseAddress!.Port);
            }

            Assert.Equal((HttpStatusCode.OK, "ok\n"), await GetAsync(management, "/readyz"));
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }
    }

    [Theory]
    [InlineData("https://127.0.0.1:8401", "must be none, or http://ADDRESS:PORT, with a number or localhost for ADDRESS")]
    [InlineData("http://127.0.0.1", "must be none, or http://ADDRESS:PORT, with a number or localhost for ADDRESS")]
    [InlineData("http://127.0.0.2:8400", "must have a different port from Log:Address")]
    public async Task An_invalid_address_is_a_one_line_error(string value, string problem)
    {
        using var server = ServerProcess.Start([$"--Log:Directory={_directory["log"]}", $"--Log:ManagementAddress={value}"]);
        Assert.Equal((1, $"error: Log:ManagementAddress={value}: {problem}"), (await server.ExitCodeAsync(), server.Errors.TrimEnd()));
    }

    [Fact]
    public async Task An_address_in_use_is_reported_as_the_management_address()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        var address = $"http://{taken.LocalEndPoint}";
        using var server = ServerProcess.StartOn(_directory["log"], $"--Log:ManagementAddress={address}");
        Assert.Equal(
            (1, $"error: Log:ManagementAddress={address}: the address is in use: stop the other server, or choose another port"),
            (await server.ExitCodeAsync(), server.Errors.TrimEnd()));
    }

    private static async Task<int> ProbeAsync(string address)
    {
        using var probe = ServerProcess.Start(["--health", address]);
        return await probe.ExitCodeAsync();
    }

    private static async Task<HttpClient> ClientAsync(ServerProcess server)
    {
        await server.SaysAsync("health at ");
        var text = server.Output[(server.Output.IndexOf("health at ", StringComparison.Ordinal) + "health at ".Length)..];
        return new HttpClient { BaseAddress = new Uri(text[..text.IndexOf("/healthz", StringComparison.Ordinal)]) };
    }

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative)).Within("an answer");
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
