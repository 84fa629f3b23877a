using System.Diagnostics;
using LogKit.Disk;
using LogKit.Tests.Support;
using Xunit.Abstractions;

namespace LogKit.Tests.Hostile;

/// <summary>
/// Kills <c>logkit repair</c> at each system call that changes files. A second run gives the same log as an uninterrupted repair, and
/// everything that was removed is kept.
/// </summary>
public sealed class KilledRepairTests(ITestOutputHelper output) : IDisposable
{
    private static readonly string[] Changes = ["pwrite64", "fdatasync", "fsync", "rename", "ftruncate"];

    private const int Batches = 30;
    private const int Damaged = 12;

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [StraceFact]
    public async Task A_repair_killed_at_any_system_call_and_run_again_gives_the_same_log_and_keeps_what_it_removed()
    {
        await MakeDamagedAsync(_directory["damaged"]);
        Copy("damaged", "whole");
        await RequireRepairedAsync("whole", "uninterrupted");

        var kills = 0;
        foreach (var call in Changes)
        {
            var n = 1;
            while (await IsKilledAsync(call, n))
            {
                kills++;
                await RequireRepairedAsync($"{call}{n}", $"killed at {call} number {n}");
                n++;
            }
        }

        output.WriteLine($"killed {kills} times");
        Assert.InRange(kills, 15, 100);
    }

    private static string TextOf(int batch) => $"batch {batch}: {new string((char)('a' + (batch % 26)), 5000)}";

    private static async Task MakeDamagedAsync(string directory)
    {
        await using (var log = DiskLog.Open(directory, new DiskLogOptions { SegmentLimitBytes = 65536 }))
        {
            for (var i = 0; i < Batches; i++)
                await log.AppendBatchAsync(RecordBatch.OfText(TextOf(i)));
        }

        foreach (var name in Directory.GetFiles(directory, "*.log"))
        {
            var bytes = await File.ReadAllBytesAsync(name);
            if (bytes.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes($"batch {Damaged}: ")) is not (var index and >= 0))
                continue;
            bytes[index + 1000] ^= 1;
            await File.WriteAllBytesAsync(name, bytes);
        }
    }

    private string[] RepairCommand(string name) =>
        ["dotnet", Path.Combine(AppContext.BaseDirectory, "logkit.dll"), "repair", _directory[name], "--truncate-at-first-error"];

    private async Task<bool> IsKilledAsync(string call, int n)
    {
        Copy("damaged", $"{call}{n}");
        using var repair = Strace.Start(call, $"signal=KILL:when={n}", RepairCommand($"{call}{n}"));
        var printed = repair.StandardOutput.ReadToEndAsync();
        await repair.WaitForExitAsync().Within("the repair to end or to be killed");
        if (repair.ExitCode == 0)
            Assert.Contains("removed", await printed, StringComparison.Ordinal);
        return repair.ExitCode != 0;
    }

    private async Task RequireRepairedAsync(string name, string how)
    {
        var command = RepairCommand(name);
        using (
            var repair = Process.Start(
                new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, UseShellExecute = false })!)
        {
            await repair.StandardOutput.ReadToEndAsync();
            await repair.WaitForExitAsync().Within("the repair");
            Assert.True(repair.ExitCode == 0, $"{how}: the repair that follows ends with {repair.ExitCode}");
        }

        await using (var log = DiskLog.Open(_directory[name]))
            Assert.Equal(Enumerable.Range(0, Damaged).Select(TextOf), await log.ReadAllTextAsync());
        var kept = string.Concat(
            Directory
                .GetFiles(_directory[name], "*.removed*")
                .Select(file => System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(file))));
        for (var i = Damaged + 1; i < Batches; i++)
            Assert.True(kept.Contains(TextOf(i), StringComparison.Ordinal), $"{how}: batch {i} was removed and is not kept");
    }

    private void Copy(string from, string to)
    {
        Directory.CreateDirectory(_directory[to]);
        foreach (var file in Directory.GetFiles(_directory[from]))
            File.Copy(file, Path.Combine(_directory[to], Path.GetFileName(file)));
    }
}
