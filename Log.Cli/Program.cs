// The process around the command line: standard streams, signals, exit code.

using System.Runtime.InteropServices;
using LogKit.Cli;

using var stopping = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

return await CommandLine.RunAsync(args, CliContext.OfProcess(), stopping.Token);

// The first signal requests an orderly end. A second one ends the process immediately.
void Stop(PosixSignalContext signal)
{
    signal.Cancel = !stopping.IsCancellationRequested;
    stopping.Cancel();
}
