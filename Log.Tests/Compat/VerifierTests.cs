// The conventions of Verify that the tests of this project rely on, tested in temporary directories so that failures can be provoked.
using VerifyTests;

namespace LogKit.Tests.Compat;

[UsesVerify]
public sealed class VerifierTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("verifier-tests-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public Task A_text_is_compared_with_the_file_beside_the_source() => Verifier.Verify("as it was\nverified");

    [Fact]
    public async Task A_text_that_differs_only_in_line_endings_passes_and_an_old_received_file_is_deleted()
    {
        var name = $"{nameof(VerifierTests)}.{nameof(A_text_that_differs_only_in_line_endings_passes_and_an_old_received_file_is_deleted)}";
        await File.WriteAllTextAsync(FileOf(name, "verified"), "one\ntwo");
        await File.WriteAllTextAsync(FileOf(name, "received"), "old");

        await Verify("one\r\ntwo");

        Assert.Equal([FileOf(name, "verified")], Directory.GetFiles(_directory));
    }

    [Fact]
    public async Task A_text_that_differs_fails_and_leaves_what_was_received()
    {
        var name = $"{nameof(VerifierTests)}.{nameof(A_text_that_differs_fails_and_leaves_what_was_received)}";
        await File.WriteAllTextAsync(FileOf(name, "verified"), "expected text");

        var failure = await Assert.ThrowsAnyAsync<Exception>(() => Verify("actual text"));

        Assert.Contains("expected text", failure.Message, StringComparison.Ordinal);
        Assert.Contains("actual text", failure.Message, StringComparison.Ordinal);
        Assert.Equal("actual text", await File.ReadAllTextAsync(FileOf(name, "received")));
        Assert.Equal("expected text", await File.ReadAllTextAsync(FileOf(name, "verified")));
    }

    [Fact]
    public async Task A_text_without_a_verified_file_fails_and_leaves_what_was_received()
    {
        var name = $"{nameof(VerifierTests)}.{nameof(A_text_without_a_verified_file_fails_and_leaves_what_was_received)}";

        await Assert.ThrowsAnyAsync<Exception>(() => Verify("new text"));

        Assert.Equal("new text", await File.ReadAllTextAsync(FileOf(name, "received")));
    }

    [Theory]
    [InlineData("plain", 1, "text=plain_count=1")]
    [InlineData("a/b:c", -2, "text=a-b-c_count=-2")]
    [InlineData(null, 3, "text=null_count=3")]
    public async Task The_arguments_are_part_of_the_file_name(string? text, int count, string suffix)
    {
        var name = $"{nameof(VerifierTests)}.{nameof(The_arguments_are_part_of_the_file_name)}_{suffix}";
        await File.WriteAllTextAsync(FileOf(name, "verified"), "same");

        await Verify("same").UseParameters(text, count);
    }

    [Fact]
    public async Task More_arguments_than_parameters_are_refused() =>
        await Assert.ThrowsAnyAsync<Exception>(() => Verify("any").UseParameters("surplus"));

    private SettingsTask Verify(string text) => Verifier.Verify(text, sourceFile: Path.Combine(_directory, $"{nameof(VerifierTests)}.cs"));

    private string FileOf(string name, string kind) => Path.Combine(_directory, $"{name}.{kind}.txt");
}
