using LogKit.Grpc.Service;

namespace LogKit.Grpc.Security;

/// <summary>Looks at the files of the server's security now and then, says what came of it, and ends the streams that are not permitted any more.</summary>
internal sealed partial class FileWatch(
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
                    LogReloaded(journal, file.Names);
                    streams.Reconsider();
                    break;
                case ReloadOutcome.Refused:
                    LogKept(journal, file.Names, problem);
                    break;
                default:
                    break;
            }
        }
    }

    [LoggerMessage(EventId = 22, Level = LogLevel.Information, Message = "{Files} changed, and is in force")]
    private static partial void LogReloaded(ILogger journal, string files);

    [LoggerMessage(EventId = 23, Level = LogLevel.Warning, Message = "{Files} changed, and cannot be used: what it said before stays in force: {Problem}")]
    private static partial void LogKept(ILogger journal, string files, string problem);
}
