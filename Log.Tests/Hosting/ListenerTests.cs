using System.Net;
using System.Net.Sockets;
using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hosting;

/// <summary>The server listens only on <c>Log:Address</c>, whatever the environment says.</summary>
public sealed class ListenerTests : IDisposable
{
    private const string Loopback = "0100007F";

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>
    /// Every variable that can give an address to ASP.NET Core or to a host around it. {0} is a free port, and {1} is a directory.
    /// </summary>
    private static readonly string[] Addresses =
    [
        "ASPNETCORE_URLS=http://0.0.0.0:{0}", "DOTNET_URLS=http://0.0.0.0:{0}", "URLS=http://0.0.0.0:{0}",
        "ASPNETCORE_HTTP_PORTS={0}", "DOTNET_HTTP_PORTS={0}", "HTTP_PORTS={0}", "HTTPS_PORTS={0}", "ASPNETCORE_HTTPS_PORT={0}",
        "ASPNETCORE_ENVIRONMENT=Development", "DOTNET_ENVIRONMENT=Development", "ASPNETCORE_CONTENTROOT={1}", "DOTNET_CONTENTROOT={1}",
        "LISTEN_FDS=1", "LISTEN_FDNAMES=x",
    ];

    /// <summary>
    /// The variables above, the variables that make such an address take precedence, and the variables of a reverse proxy in front.
    /// </summary>
    public static TheoryData<string[]> Variables => new()
    {
        Addresses,
        (string[])[.. Addresses, "ASPNETCORE_PREFERHOSTINGURLS=true", "DOTNET_PREFERHOSTINGURLS=true", "PREFERHOSTINGURLS=true"],
        (string[])["ASPNETCORE_PORT={0}", "ASPNETCORE_TOKEN=x", "ASPNETCORE_APPL_PATH=/", "PORT={0}", "TOKEN=x", "APPL_PATH=/"],
    };

    [LinuxTheory]
    [MemberData(nameof(Variables))]
    public async Task No_variable_opens_a_port(string[] variables)
    {
        await WriteSettingsAsync(
            "appsettings.Development.json",
            """{ "Kestrel": { "Endpoints": { "x": { "Url": "http://0.0.0.0:{0}" } } } }""");
        using var server = ServerProcess.StartIn(
            _directory.Path, ["--Log:Address=http://127.0.0.1:0", "--Log:Backend=Memory"],
            variables.Select(variable => Filled(variable).Split('=', 2)).Select(variable => (variable[0], variable[1])));
        await AssertListensOnceAsync(server);
    }

    [LinuxFact]
    public async Task A_settings_file_that_changes_while_the_server_runs_opens_no_port()
    {
        await WriteSettingsAsync("appsettings.json", """{ "Log": { "Address": "http://127.0.0.1:0", "Backend": "Memory" } }""");
        using var server = ServerProcess.StartIn(_directory.Path, []);
        await server.AddressAsync();
        await WriteSettingsAsync(
            "appsettings.json",
            """{ "Kestrel": { "Endpoints": { "x": { "Url": "http://0.0.0.0:{0}", "Protocols": "Http2" } } } }""");
        await AssertListensOnceAsync(server);
        Assert.DoesNotContain(
            Directory.GetFileSystemEntries($"/proc/{server.Id}/fd").Select(path => new FileInfo(path).LinkTarget),
            target => target is "anon_inode:inotify");
    }

    public static TheoryData<string, string> ForeignKeys => new()
    {
        { """{ "urls": "http://0.0.0.0:1" }""", "urls=http://0.0.0.0:1: the server listens only on Log:Address" },
        { """{ "HTTP_PORTS": "1" }""", "HTTP_PORTS=1: the server listens only on Log:Address" },
        {
            """{ "Kestrel": { "Endpoints": { "x": { "Url": "http://0.0.0.0:1" } } } }""",
            "Kestrel:Endpoints: the server listens only on Log:Address"
        },
        { """{ "kestrel": "x" }""", "Kestrel=x: the server listens only on Log:Address" },
        {
            """{ "preferHostingUrls": true }""",
            "preferHostingUrls=True: unknown setting: a settings file has the sections Log and Logging, and no other"
        },
    };

    [Theory]
    [MemberData(nameof(ForeignKeys))]
    public async Task A_settings_file_with_foreign_settings_is_a_one_line_error_with_exit_code_1(string content, string message)
    {
        await WriteSettingsAsync("appsettings.json", content);
        using var server = ServerProcess.StartIn(_directory.Path, ["--Log:Address=http://127.0.0.1:0", "--Log:Backend=Memory"]);
        Assert.Equal(1, await server.ExitCodeAsync());
        Assert.Equal($"error: {message}", server.Errors.TrimEnd(), ignoreCase: true);
    }

    private static async Task AssertListensOnceAsync(ServerProcess server)
    {
        var address = await server.AddressAsync();
        await using var log = GrpcLog.Connect(address);
        await log.AppendBatchAsync(RecordBatch.OfText("a"));
        Assert.Equal([(Loopback, new Uri(address).Port)], ListeningSockets.Of(server.Id));
        Assert.Single(server.Output.Split('\n'), line => line.Contains("warn:", StringComparison.Ordinal)); // about the memory backend
        Assert.Empty(server.Errors);
    }

    private Task WriteSettingsAsync(string name, string content) => File.WriteAllTextAsync(_directory[name], Filled(content));

    private string Filled(string text) => text
        .Replace("{0}", $"{FreePort.Value}", StringComparison.Ordinal).Replace("{1}", _directory.Path, StringComparison.Ordinal);

    private static readonly Lazy<int> FreePort = new(() =>
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    });
}
