using System.Text.RegularExpressions;
using System.Xml.Linq;
using LogKit.Tests.Support;

namespace LogKit.Tests.Architecture;

/// <summary>The allowed dependencies: of projects on other projects and on packages, and between the folders of the service.</summary>
public sealed partial class DependencyTests
{
    /// <summary>The folders of Log.Grpc, in dependency order: each may use only those before it.</summary>
    private static readonly string[] ServiceFolders = ["Access", "Errors", "Streams", "Observability", "Guard", "Service"];

    public static TheoryData<string, string, string> Products => new()
    {
        { "Log.Abstractions", "", "" },
        { "Log.InMemory", "Log.Abstractions", "" },
        { "Log.Disk", "Log.Abstractions", "" },
        { "Log.Postgres", "Log.Abstractions", "Npgsql" },
        { "Log.Grpc", "Log.Abstractions Log.Proto", "Grpc.AspNetCore" },
        {
            "Log.Server", "Log.Disk Log.Grpc Log.InMemory Log.Postgres",
            "Grpc.AspNetCore.Server.Reflection Grpc.HealthCheck Grpc.Net.Client Microsoft.Extensions.Hosting.Systemd "
            + "OpenTelemetry.Exporter.OpenTelemetryProtocol OpenTelemetry.Extensions.Hosting"
        },
        { "Log.Client", "Log.Abstractions Log.Proto", "Grpc.Net.Client" },
        { "Log.Testing", "Log.Abstractions Log.Client Log.Grpc Log.InMemory", "" },
    };

    [Theory]
    [MemberData(nameof(Products))]
    public void A_product_depends_on_exactly_these_projects_and_packages(string project, string projects, string packages)
    {
        var document = XDocument.Load(Repository.PathOf($"{project}/{project}.csproj"));
        var referenced = document
            .Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));
        Assert.Equal(projects, string.Join(' ', referenced.Order(StringComparer.Ordinal)));
        var taken = document.Descendants("PackageReference").Select(reference => reference.Attribute("Include")!.Value);
        Assert.Equal(packages, string.Join(' ', taken.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void The_folders_of_the_service_depend_on_each_other_in_one_direction()
    {
        var service = Repository.PathOf("Log.Grpc");
        Assert.Equal(ServiceFolders.Order(StringComparer.Ordinal), FoldersOf(service));
        for (var i = 0; i < ServiceFolders.Length; i++)
        {
            var mayUse = ServiceFolders[..i].ToHashSet(StringComparer.Ordinal);
            foreach (var file in Directory.GetFiles(Path.Combine(service, ServiceFolders[i]), "*.cs", SearchOption.AllDirectories))
            {
                foreach (Match used in UsedFolder().Matches(File.ReadAllText(file)))
                    Assert.True(
                        mayUse.Contains(used.Groups["folder"].Value),
                        $"{Path.GetFileName(file)} in {ServiceFolders[i]} uses {used.Groups["folder"].Value}");
            }
        }
    }

    [Fact]
    public void Only_the_backends_of_the_server_know_a_log_implementation()
    {
        var server = Repository.PathOf("Log.Server");
        var knowing = Directory.GetFiles(server, "*.cs", SearchOption.AllDirectories)
            .Where(file => !IsOutput(Path.GetRelativePath(server, file)) && UsedLog().IsMatch(File.ReadAllText(file)))
            .Select(file => Path.GetRelativePath(server, file));
        Assert.All(knowing, file => Assert.StartsWith($"Backends{Path.DirectorySeparatorChar}", file, StringComparison.Ordinal));
    }

    private static IEnumerable<string> FoldersOf(string project) =>
        Directory
            .GetDirectories(project)
            .Select(folder => Path.GetFileName(folder)!)
            .Where(folder => !IsOutput(folder))
            .Order(StringComparer.Ordinal);

    private static bool IsOutput(string path) => path.Split(Path.DirectorySeparatorChar)[0] is "bin" or "obj";

    [GeneratedRegex(
        @"^using LogKit\.Grpc\.(?<folder>\w+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex UsedFolder();

    [GeneratedRegex(
        @"LogKit\.(Disk|InMemory|Postgres)\b|\b(DiskLog|InMemoryLog|PostgresLog)\b",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex UsedLog();
}
