using Example;
using LogKit.Client;
using LogKit.Tests.Support;

namespace LogKit.Tests.Conformance.Example;

/// <summary>
/// The example that the suite's README walks through is the one beside this file: compiled, and run by ListLogConformance.
/// </summary>
public sealed class ReadmeTests
{
    internal static string Readme { get; } = Repository.Read("Log.Conformance/README.md");

    [Fact]
    public void The_files_that_the_readme_shows_are_the_files_that_run() => ShownFiles.AssertAreIn(
        "Log.Tests/Conformance/Example",
        Readme,
        "ListLog.cs",
        "ListLogBackend.cs",
        "ListLogConformance.cs",
        "ListLogServer.cs");

    [Fact]
    public async Task The_server_that_the_readme_shows_serves_the_log()
    {
        await using var log = new ListLog();
        await using var app = ListLogServer.Create(log, port: 0);
        await app.StartAsync();
        await using var client = GrpcLog.Connect(app.Urls.Single());
        Assert.Equal(0ul, await client.AppendBatchAsync(RecordBatch.OfText("hello", "world")));
        Assert.Equal("world", (await log.ReadBatchAsync(1))[0].ToString());
    }
}
