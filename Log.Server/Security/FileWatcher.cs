using LogKit.Grpc.Streams;
using LogKit.Server.Observability;

namespace LogKit.Server.Security;

/// <summary>
/// Checks the security files of the server periodically and on request, reports the outcome, and ends streams that are no longer permitted.
/// </summary>
internal sealed class FileWatcher(
    IReadOnlyList<IReloadedFiles> files, int intervalMs, LiveStreams streams, ILogger<FileWatcher> journal) : BackgroundService
{
    private readonly SemaphoreSlim _requests = new(0);

    /// <summary>Requests an immediate check, which accepts a change without confirming it by a second check.</summary>
    public void Request() => _requests.Release();

    public override void Dispose()
    {
        base.Dispose();
        _requests.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var isRequested = await _requests.WaitAsync(files.Count > 0 ? intervalMs : Timeout.Infinite, stoppingToken);
            var changes = 0;
            foreach (var file in files)
                changes += await LookAsync(file, isRequested, stoppingToken) ? 1 : 0;
            if (isRequested)
                journal.LogReloadRequested(files.Count, changes);
        }
    }

    private async Task<bool> LookAsync(IReloadedFiles file, bool isRequested, CancellationToken stoppingToken)
    {
        var (outcome, problem) = await file.LookAsync(isRequested, stoppingToken);
        switch (outcome)
        {
            case ReloadOutcome.Reloaded:
                journal.LogReloaded(file.Names);
                streams.Reconsider();
                return true;
            case ReloadOutcome.Refused:
                journal.LogKept(file.Names, problem);
                return false;
            default:
                return false;
        }
    }
}
