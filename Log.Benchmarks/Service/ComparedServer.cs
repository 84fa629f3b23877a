using System.Diagnostics;
using LogKit.Benchmarks.Results;

namespace LogKit.Benchmarks.Service;

/// <summary>One of two servers that are compared, with its load. Records the cost per record.</summary>
internal sealed class ComparedServer(string name, ServerProcess server, Func<Task<long>> load) : IAsyncDisposable
{
    private RuntimeCounters? _counters;
    private int _runs;
    private double _seconds;
    private double _serverSeconds;
    private double _clientSeconds;
    private double _records;

    public string Name => name;

    /// <summary>Runs the load once. Returns the number of records per second.</summary>
    public async Task<double> RunAsync()
    {
        _counters ??= await RuntimeCounters.StartAsync(server.Id);
        if (_runs++ == Rounds.WarmUps)
            _counters.Reset();
        var (serverBefore, clientBefore, started) = (server.ProcessorSeconds, ClientSeconds, Stopwatch.GetTimestamp());
        var records = await load();
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (_runs > Rounds.WarmUps)
        {
            _seconds += seconds;
            _serverSeconds += server.ProcessorSeconds - serverBefore;
            _clientSeconds += ClientSeconds - clientBefore;
            _records += records;
        }

        return records / seconds;
    }

    /// <summary>Returns the cost per record in the rounds that count.</summary>
    public Cost GetCost() =>
        new(
            name,
            _serverSeconds * 1e6 / _records,
            _clientSeconds * 1e6 / _records,
            Counted(RuntimeCounters.AllocatedBytes) / _records,
            Counted(RuntimeCounters.PoolItems) / _records,
            Counted(RuntimeCounters.Contentions) / _records,
            Counted(RuntimeCounters.CollectingPercent) / _seconds);

    public ValueTask DisposeAsync() => _counters?.DisposeAsync() ?? ValueTask.CompletedTask;

    private double Counted(string counter) => _counters?.SumOf(counter) ?? 0;

    private static double ClientSeconds => Environment.CpuUsage.TotalTime.TotalSeconds;
}
