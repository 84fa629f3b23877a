using System.Text.Json;
using Grpc.Core;
using LogKit.Tests.Support;

namespace LogKit.Tests.Observability;

/// <summary>The journal of the real server, as a program reads it.</summary>
public sealed class JournalTests
{
    [Theory]
    [InlineData("--log-format=json")]
    [InlineData("--log-format", "json")]
    [InlineData("--Log:JournalFormat=Json")]
    public async Task In_json_every_line_is_an_object_with_its_values_and_without_secrets(params string[] format)
    {
        const string Guess = "a-token-that-is-not-known";
        await using var server = await SecureServer.StartAsync("carol produce\n", format);
        await server.Connect(token: SecureServer.Token).GetRangeAsync(new V1.GetRangeRequest());
        await Assert.ThrowsAsync<RpcException>(async () => await server.Connect(token: Guess).GetRangeAsync(new V1.GetRangeRequest()));
        await server.Process.SaysAsync("refused");
        server.Process.Signal("TERM");
        Assert.Equal(0, await server.Process.ExitCodeAsync());

        var entries = server.Process.Output.TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.All(entries, entry => Assert.Equal(TimeSpan.Zero, entry.GetProperty("Timestamp").GetDateTimeOffset().Offset));
        var started = Assert.Single(entries, entry => entry.GetProperty("EventId").GetInt32() == 10);
        Assert.Equal($"https://127.0.0.1:{server.Port}", started.GetProperty("State").GetProperty("Address").GetString());
        var refused = Assert.Single(entries, entry => entry.GetProperty("EventId").GetInt32() == 20);
        Assert.Equal("/log.v1.Log/GetRange", refused.GetProperty("State").GetProperty("Path").GetString());

        Assert.DoesNotContain(SecureServer.Token, server.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(SecureServer.HashOf(SecureServer.Token), server.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Guess, server.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE KEY", server.Process.Output, StringComparison.Ordinal);
    }
}
