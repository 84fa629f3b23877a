// The process around the command line: its standard streams, its signals, its exit code.

using System.Runtime.InteropServices;
using LogKit.Cli;

using var stopping = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

return await CommandLine.RunAsync(args, CliContext.OfProcess(), stopping.Token);

// The first signal asks for an orderly end; a second one ends the process at once.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = !stopping.IsCancellationRequested;
    stopping.Cancel();
}
