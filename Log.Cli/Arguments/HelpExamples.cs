using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using LogKit.Cli.Commands;
using LogKit.Cli.Errors;

namespace LogKit.Cli.Arguments;

/// <summary>The help of the library, with examples and exit codes added.</summary>
internal sealed class HelpExamples(HelpAction help) : SynchronousCommandLineAction
{
    private const string OfRoot =
        """
        Example: append a record and read the log from its beginning
          logkit produce "hello"
          logkit tail --from-start --stop-at-end
        Example: look at the files of a log that no server has open
          logkit verify ./data

        Records are written to the standard output as the bytes that they are, each followed by a newline; everything else
        goes to the standard error.

        Exit codes:
          0  done; for tail also when it was ended with Ctrl-C
          1  failed: the error names the gRPC status, or the file
          2  the command line is wrong
        """;

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        help.Invoke(parseResult);
        var examples = parseResult.CommandResult.Command switch
        {
            ExampleCommand command => command.Examples,
            _ => OfRoot,
        };
        parseResult.InvocationConfiguration.Output.WriteLine(examples);
        return ExitCodes.Done;
    }
}
