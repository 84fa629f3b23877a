using LogKit.Postgres;
using LogKit.Tests.Support;

namespace LogKit.Tests.Postgres;

/// <summary>
/// The tables of the database are on a full file system. The write-ahead log is elsewhere, because PostgreSQL stops when it has no space
/// for it.
/// </summary>
public sealed class FullDiskTests
{
    private const int DiskBytes = 4 * 1024 * 1024;

    [PostgresMountFact]
    public async Task A_full_disk_refuses_appends_until_there_is_room_and_loses_nothing()
    {
        using var cluster = new PostgresCluster();
        using var mount = new TestMount(cluster["small"], DiskBytes);
        await cluster.CreateTablespaceAsync("small");
        var ballast = Path.Combine(cluster["small"], "ballast");
        File.WriteAllBytes(ballast, new byte[DiskBytes / 2]);
        var options = new PostgresLogOptions { ConnectionString = cluster.ConnectionString + ";Options=-c default_tablespace=small" };
        var expected = new List<string>();
        await using (var log = await PostgresLog.OpenAsync(options))
        {
            await log.FillAsync(expected, minBytes: 1000);
            Assert.Equal(expected, await log.ReadAllTextAsync());
            await Assert.ThrowsAsync<LogFullException>(() => log.AppendBatchAsync(RecordBatch.OfText(new string('x', 100_000))).AsTask());

            File.WriteAllBytes(ballast, new byte[DiskBytes / 4]); // a smaller ballast makes room
            var before = expected.Count;
            await log.FillAsync(expected, minBytes: 1000);
            Assert.True(expected.Count > before + 10, $"{expected.Count - before} appends where there was room for many");
            Assert.Equal(expected, await log.ReadAllTextAsync());
        }

        // The database needs some free space to recover from a crash. After that, nothing is lost.
        File.Delete(ballast);
        cluster.Stop();
        cluster.Start();
        await using var reopened = await PostgresLog.OpenAsync(options);
        Assert.Equal(expected, await reopened.ReadAllTextAsync());
    }
}
