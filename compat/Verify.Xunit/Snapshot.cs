// The pair of files of one verification: what was accepted (.verified.txt) and what came instead (.received.txt).
// A received file exists only after a failure.
using System.Reflection;
using VerifyTests;

namespace VerifyXunit;

internal sealed class Snapshot
{
    private readonly string _verifiedFile;
    private readonly string _receivedFile;

    private Snapshot(string pathWithoutExtension)
    {
        _verifiedFile = pathWithoutExtension + ".verified.txt";
        _receivedFile = pathWithoutExtension + ".received.txt";
    }

    public static Snapshot Of(MethodInfo test, VerifySettings settings, string sourceFile) =>
        new(Path.Combine(Path.GetDirectoryName(sourceFile) ?? "", SnapshotName.Of(test, settings.Parameters)));

    public async Task CompareAsync(string? target)
    {
        var received = WithLineFeeds(target ?? "null");
        var verified = File.Exists(_verifiedFile)
            ? WithLineFeeds(await File.ReadAllTextAsync(_verifiedFile).ConfigureAwait(false))
            : null;

        if (received == verified)
        {
            File.Delete(_receivedFile);
            return;
        }

        await File.WriteAllTextAsync(_receivedFile, received).ConfigureAwait(false);
        throw new VerifyException(verified is null ? Missing(received) : Different(received, verified));
    }

    private string Missing(string received) =>
        $"""
        There is no {_verifiedFile}.
        To accept what was received, rename {_receivedFile}.
        Received:
        {received}
        """;

    private string Different(string received, string verified) =>
        $"""
        The text differs from {_verifiedFile}.
        To accept what was received, put {_receivedFile} in its place.
        Received:
        {received}
        Verified:
        {verified}
        """;

    private static string WithLineFeeds(string text) => text.ReplaceLineEndings("\n");
}
