using System.Globalization;

namespace LogKit.Tests.Hostile;

/// <summary>
/// Figures of a process from Linux: resident memory, peak resident memory, the processor time used, and the number of threads.
/// </summary>
internal readonly record struct ProcessFigures(long ResidentBytes, long PeakBytes, long ProcessorMs, long Threads)
{
    private const int TicksPerSecond = 100; // of /proc, on every architecture that .NET supports
    private const int FieldsBeforeUserTicks = 11; // counted from the state, the field after the name

    public static ProcessFigures Of(int processId)
    {
        var status = File.ReadAllLines($"/proc/{processId}/status");
        var stat = File.ReadAllText($"/proc/{processId}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        var ticks = fields.Skip(FieldsBeforeUserTicks).Take(2).Sum(field => long.Parse(field, CultureInfo.InvariantCulture));
        return new ProcessFigures(
            BytesOf(status, "VmRSS:"), BytesOf(status, "VmHWM:"), ticks * 1000 / TicksPerSecond, NumberOf(status, "Threads:"));
    }

    // The format: VmRSS: 81240 kB
    private static long BytesOf(string[] status, string name) => 1024 * NumberOf(status, name);

    private static long NumberOf(string[] status, string name) =>
        long.Parse(
            status
                .Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..]
                .Replace("kB", "", StringComparison.Ordinal)
                .Trim(),
            CultureInfo.InvariantCulture);
}
