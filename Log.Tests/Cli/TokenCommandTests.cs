using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace LogKit.Tests.Cli;

/// <summary><c>logkit token</c>: a secret for the client, and its hash for the server.</summary>
public sealed class TokenCommandTests
{
    [Theory]
    [InlineData("alice")]
    [InlineData("spiffe://example.org/alice")]
    public async Task The_second_line_contains_the_hash_of_the_token_in_the_first(string identity)
    {
        var (exitCode, output, errors) = await Logkit.RunAsync(["token", identity]);
        Assert.Equal((0, ""), (exitCode, errors));
        var lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Equal(32, Base64Url.DecodeFromChars(lines[0]).Length);
        Assert.Equal($"{identity} {Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(lines[0])))}", lines[1]);
    }

    [Fact]
    public async Task No_two_tokens_are_the_same() =>
        Assert.NotEqual((await Logkit.RunAsync(["token", "alice"])).Output, (await Logkit.RunAsync(["token", "alice"])).Output);

    [Theory]
    [InlineData("a b")]
    [InlineData("#a")]
    [InlineData("")]
    public async Task An_identity_that_the_files_of_the_server_cannot_contain_is_refused(string identity)
    {
        var (exitCode, output, errors) = await Logkit.RunAsync(["token", identity]);
        Assert.Equal((2, ""), (exitCode, output));
        Assert.StartsWith($"error: identity '{identity}' must ", errors, StringComparison.Ordinal);
    }
}
