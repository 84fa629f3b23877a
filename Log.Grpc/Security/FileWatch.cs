using LogKit.Grpc.Observability;
using LogKit.Grpc.Service;

namespace LogKit.Grpc.Security;

/// <summary>Looks at the files of the server's security now and then, says what came of it, and ends the streams that are not permitted any more.</summary>
internal sealed class FileWatch(
    IReadOnlyList<IWatchedFiles> files, int intervalMs, LiveStreams streams, ILogger<FileWatch> journal) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(intervalMs));
        while (await timer.WaitForNextTickAsync(stoppingToken))
            Look();
    }

    private void Look()
    {
        foreach (var file in files)
        {
            switch (file.Look(out var problem))
            {
                case ReloadOutcome.Reloaded:
                    journal.LogReloaded(file.Names);
                    streams.Reconsider();
                    break;
                case ReloadOutcome.Refused:
                    journal.LogKept(file.Names, problem);
                    break;
                default:
                    break;
            }
        }
    }
}
