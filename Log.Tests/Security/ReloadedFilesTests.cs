using System.Diagnostics;
using LogKit.Grpc.Access;
using LogKit.Server.Security;
using LogKit.Tests.Support;

namespace LogKit.Tests.Security;

/// <summary>When a changed file takes effect, and what the access and token lists accept.</summary>
public sealed class ReloadedFilesTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_change_is_accepted_once_two_checks_see_the_same_content()
    {
        var watched = Watch("1");
        Write("2");
        Assert.Equal(ReloadOutcome.Unchanged, (await LookAsync(watched)).Outcome);
        Write("3");
        Assert.Equal(ReloadOutcome.Unchanged, (await LookAsync(watched)).Outcome); // the file is still changing
        Assert.Equal("1", watched.Value);
        Assert.Equal(ReloadOutcome.Reloaded, (await LookAsync(watched)).Outcome);
        Assert.Equal("3", watched.Value);
        Assert.Equal(ReloadOutcome.Unchanged, (await LookAsync(watched)).Outcome);
    }

    [Fact]
    public async Task Unusable_content_is_reported_once_and_the_previous_content_stays()
    {
        var watched = Watch("1");
        Write("bad");
        Assert.Equal(ReloadOutcome.Unchanged, (await LookAsync(watched)).Outcome);
        var (outcome, problem) = await LookAsync(watched);
        Assert.Equal(ReloadOutcome.Refused, outcome);
        Assert.Equal("it is bad", problem);
        Assert.Equal(ReloadOutcome.Unchanged, (await LookAsync(watched)).Outcome);
        Assert.Equal("1", watched.Value);
    }

    [Fact]
    public async Task A_missing_file_is_reported_once_and_read_again_when_it_is_back()
    {
        var watched = Watch("1");
        File.Delete(_directory["file"]);
        Assert.Equal(ReloadOutcome.Unchanged, (await LookAsync(watched)).Outcome);
        var (outcome, problem) = await LookAsync(watched);
        Assert.Equal(ReloadOutcome.Refused, outcome);
        Assert.Contains("file", problem, StringComparison.Ordinal);
        Assert.Equal(ReloadOutcome.Unchanged, (await LookAsync(watched)).Outcome);
        Write("2");
        await LookAsync(watched);
        Assert.Equal(ReloadOutcome.Reloaded, (await LookAsync(watched)).Outcome);
        Assert.Equal("2", watched.Value);
    }

    [Fact]
    public async Task A_link_that_points_to_another_file_is_a_change()
    {
        File.WriteAllText(_directory["a"], "1");
        File.WriteAllText(_directory["b"], "2");
        File.CreateSymbolicLink(_directory["file"], _directory["a"]);
        var watched = new ReloadedFiles<string>([_directory["file"]], content => content[0]);
        File.CreateSymbolicLink(_directory["new"], _directory["b"]);
        File.Move(_directory["new"], _directory["file"], overwrite: true);
        await LookAsync(watched);
        Assert.Equal(ReloadOutcome.Reloaded, (await LookAsync(watched)).Outcome);
        Assert.Equal("2", watched.Value);
    }

    [Fact]
    public async Task A_change_is_accepted_at_once_on_request()
    {
        var watched = Watch("1");
        Write("2");
        Assert.Equal(ReloadOutcome.Reloaded, (await watched.LookAsync(isRequested: true, CancellationToken.None)).Outcome);
        Assert.Equal("2", watched.Value);
    }

    [LinuxFact]
    public async Task A_named_pipe_without_a_writer_is_reported_once_and_holds_nothing_up()
    {
        var watched = Watch("1");
        File.Delete(_directory["file"]);
        using (var making = Process.Start("mkfifo", _directory["file"]))
            await making.WaitForExitAsync();
        var (outcome, problem) = await LookAsync(watched);
        Assert.Equal(ReloadOutcome.Refused, outcome);
        Assert.Equal($"{_directory["file"]} cannot be read within 0.1 s: is it a regular file?", problem);
        Assert.Equal(ReloadOutcome.Unchanged, (await LookAsync(watched)).Outcome);

        await using (new FileStream(_directory["file"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            // Opening and closing the writing end completes the pending read with no content.
        }

        File.Delete(_directory["file"]);
        Write("2");
        await Poll.UntilAsync(
            async () => (await LookAsync(watched)).Outcome is ReloadOutcome.Reloaded && watched.Value == "2", "the file to be read");
    }

    [LinuxFact]
    public void A_device_that_never_ends_is_refused()
    {
        var exception = Assert.Throws<IOException>(() => new ReloadedFiles<string>(["/dev/zero"], content => content[0]));
        Assert.Equal("/dev/zero is larger than 16777216 bytes", exception.Message);
    }

    [Theory]
    [InlineData("alice\n", "line 1: alice has no rights: list produce, consume, or both, or remove the line")]
    [InlineData("# ok\nalice Produce", "line 2: Produce is not a right: the rights are produce and consume")]
    [InlineData("alice produce\nalice consume", "line 2: alice is listed twice: put all of its rights on one line")]
    public void A_wrong_access_list_says_which_line_is_wrong(string text, string message) =>
        Assert.Equal(message, Assert.Throws<FormatException>(() => AccessList.Parse(text)).Message);

    [Fact]
    public void An_access_list_permits_what_it_says_and_nothing_else()
    {
        var list = AccessList.Parse("# comment\r\n\r\nalice\tproduce consume # both\r\nspiffe://a#b consume\r\n");
        Assert.True(list.IsPermitted("alice", LogActions.Produce));
        Assert.True(list.IsPermitted("alice", LogActions.Consume));
        Assert.True(list.IsPermitted("spiffe://a#b", LogActions.Either));
        Assert.False(list.IsPermitted("spiffe://a#b", LogActions.Produce));
        Assert.False(list.IsPermitted("bob", LogActions.Either));
        Assert.False(AccessList.Parse("").IsPermitted("", LogActions.Either));
    }

    [Fact]
    public void A_wrong_tokens_file_never_shows_what_may_be_a_token()
    {
        var message = Assert.Throws<FormatException>(() => TokenList.Parse("alice my-secret")).Message;
        Assert.DoesNotContain("my-secret", message, StringComparison.Ordinal);
        Assert.StartsWith("line 1: ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_identity_may_have_several_tokens()
    {
        var list = TokenList.Parse(
            $"alice {SecureServer.HashOf("one")}\nalice {SecureServer.HashOf("two").ToUpperInvariant()}\nbob "
                + $"{SecureServer.HashOf("three")}\n");
        Assert.Equal(
            ("alice", "alice", "bob", null),
            (list.IdentityOf("one"), list.IdentityOf("two"), list.IdentityOf("three"), list.IdentityOf("four")));
    }

    private ReloadedFiles<string> Watch(string content)
    {
        Write(content);
        return new ReloadedFiles<string>(
            [_directory["file"]], read => read[0] == "bad" ? throw new FormatException("it is bad") : read[0], TimeSpan.FromSeconds(0.1));
    }

    private static Task<Reload> LookAsync(ReloadedFiles<string> watched) => watched.LookAsync(isRequested: false, CancellationToken.None);

    private void Write(string content) => File.WriteAllText(_directory["file"], content);
}
