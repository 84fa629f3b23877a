using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;
using LogKit.Cli.Arguments;
using LogKit.Cli.Commands;
using LogKit.Cli.Errors;
using LogKit.Cli.Streams;

namespace LogKit.Cli;

/// <summary>
/// <c>logkit</c>, from arguments to exit code. Values go to standard output, everything else to standard error. A failure is one line
/// there, and a
/// stack trace only if it is a bug in this program.
/// </summary>
internal static class CommandLine
{
    /// <param name="args">The arguments, without the name of the program.</param>
    /// <param name="context">The streams and variables. The streams stay open.</param>
    /// <param name="stopping">Requests an orderly end (Ctrl-C).</param>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args, CliContext context, CancellationToken stopping = default)
    {
        var server = new ServerOptions(context);
        var root = CreateRoot(context, server);
        var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null }); // "@alice" is a value
        if (parsed.Action is not (HelpExamples or VersionAction) && UsageErrors.FirstOf(parsed) is { } error)
        {
            await context.Stderr.WriteLineAsync($"error: {error}");
            await context.Stderr.WriteLineAsync($"see {UsageErrors.PathOf(parsed.CommandResult)} --help");
            return ExitCodes.Usage;
        }

        try
        {
            await using var output = new StreamWriter(new GuardedOutput(context.Stdout), leaveOpen: true);
            var invocation = new InvocationConfiguration
            {
                Output = output,
                Error = context.Stderr,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // the token of the caller says when to stop
            };
            return await parsed.InvokeAsync(invocation, stopping);
        }
        catch (Exception exception) when (OutputException.IsClosedPipe(exception))
        {
            return ExitCodes.Done; // "logkit tail | head": the reader has finished
        }
        catch (Exception exception) when (Failures.Describe(exception, server.AddressOf(parsed)) is { } failure)
        {
            await context.Stderr.WriteLineAsync($"error: {failure}");
            return ExitCodes.Failed;
        }
    }

    private static RootCommand CreateRoot(CliContext context, ServerOptions server)
    {
        var root = new RootCommand(
            "Works with a LogKit log over the network (appends, reads, follows, measures) and with the files of a disk log (verifies, "
                + "repairs. "
            + "Creates certificates and tokens for a secure server.")
        {
            ProduceCommand.Create(context, server),
            ConsumeCommand.Create(context, server),
            TailCommand.Create(context, server),
            RangeCommand.Create(context, server),
            BenchCommand.Create(context, server),
            BackupCommand.Create(context),
            VerifyCommand.Create(context),
            DumpCommand.Create(context),
            RepairCommand.Create(context),
            CertsCommand.Create(context),
            TokenCommand.Create(context),
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
