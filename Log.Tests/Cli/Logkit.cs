using System.Text;
using LogKit.Cli;

namespace LogKit.Tests.Cli;

/// <summary>Runs the command line in this process, without a terminal or environment variables.</summary>
internal static class Logkit
{
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(
        string[] arguments, string? address = null, string? token = null, CancellationToken stopping = default)
    {
        using var stdin = new MemoryStream();
        using var stdout = new MemoryStream();
        await using var stderr = new StringWriter { NewLine = "\n" };
        var exitCode = await CommandLine.RunAsync(
            arguments, new CliContext(stdin, stdout, stderr) { Address = address, Token = token }, stopping);
        return (exitCode, Encoding.UTF8.GetString(stdout.ToArray()), stderr.ToString());
    }
}
