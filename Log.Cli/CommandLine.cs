using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;
using LogKit.Cli.Commands;

namespace LogKit.Cli;

/// <summary>
/// <c>logkit</c>, from arguments to exit code. Values go to the standard output and all else to the standard error; a failure is
/// one line there, and never a stack trace unless it is a mistake of this program's.
/// </summary>
internal static class CommandLine
{
    /// <param name="args">The arguments, without the name of the program.</param>
    /// <param name="surroundings">Stay open.</param>
    /// <param name="stopping">Asks for an orderly end: Ctrl-C.</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, Surroundings surroundings, CancellationToken stopping = default)
    {
        var server = new ServerOptions(surroundings);
        var root = CreateRoot(surroundings, server);
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null }); // "@alice" is a value
        if (parsed.Action is not (HelpExamples or VersionAction) && UsageErrors.FirstOf(parsed) is { } error)
        {
            await surroundings.Stderr.WriteLineAsync($"error: {error}");
            await surroundings.Stderr.WriteLineAsync($"see {UsageErrors.PathOf(parsed.CommandResult)} --help");
            return ExitCodes.Usage;
        }

        try
        {
            await using var output = new StreamWriter(new GuardedOutput(surroundings.Stdout), leaveOpen: true);
            var invocation = new InvocationConfiguration
            {
                Output = output,
                Error = surroundings.Stderr,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // the caller's token says when to stop
            };
            return await parsed.InvokeAsync(invocation, stopping);
        }
        catch (Exception exception) when (OutputException.IsClosedPipe(exception))
        {
            return ExitCodes.Done; // "logkit tail | head": the reader has what it wanted
        }
        catch (Exception exception) when (Failures.Describe(exception, server.AddressOf(parsed)) is { } failure)
        {
            await surroundings.Stderr.WriteLineAsync($"error: {failure}");
            return ExitCodes.Failed;
        }
    }

    private static RootCommand CreateRoot(Surroundings surroundings, ServerOptions server)
    {
        var root = new RootCommand(
            "Works with a LogKit log over the network: appends, reads, follows, measures; and with the files of a disk log: verifies, "
                + "repairs. "
            + "Makes what a secure server needs: certificates, tokens.")
        {
            ProduceCommand.Create(surroundings, server),
            ConsumeCommand.Create(surroundings, server),
            TailCommand.Create(surroundings, server),
            RangeCommand.Create(surroundings, server),
            BenchCommand.Create(surroundings, server),
            BackupCommand.Create(surroundings),
            VerifyCommand.Create(surroundings),
            DumpCommand.Create(surroundings),
            RepairCommand.Create(surroundings),
            CertsCommand.Create(surroundings),
            TokenCommand.Create(surroundings),
        };
        root.Directives.Clear(); // "[suggest]" is a value
        foreach (var option in root.Options)
        {
            if (option is HelpOption help)
            {
                help.Action = new HelpExamples((HelpAction)help.Action!);
                help.Aliases.Remove("/h"); // "/h" and "/?" are values
                help.Aliases.Remove("/?");
            }
            else if (option is VersionOption version)
                version.Action = new VersionAction();
        }

        return root;
    }

    private sealed class VersionAction : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var version = typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            parseResult.InvocationConfiguration.Output.WriteLine(version.Split('+')[0]);
            return ExitCodes.Done;
        }
    }
}
