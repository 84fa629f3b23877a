using System.Diagnostics;
using System.Globalization;
using LogKit.Benchmarks.Results;

namespace LogKit.Benchmarks.Service;

/// <summary>One of two servers that are compared, with its load; notes what a record costs in processor time.</summary>
internal sealed class Side(ServerProcess server, Func<Task<long>> load)
{
    private int _runs;
    private double _serverSeconds;
    private double _clientSeconds;
    private double _records;

    /// <summary>In microseconds a record, of the server and of this process.</summary>
    public string Cost => string.Create(CultureInfo.InvariantCulture, $"{_serverSeconds * 1e6 / _records:0.00} + {_clientSeconds * 1e6 / _records:0.00} µs");

    /// <summary>Runs the load once; gives records a second.</summary>
    public async Task<double> RunAsync()
    {
        var (serverBefore, clientBefore, started) = (server.ProcessorSeconds, ClientSeconds, Stopwatch.GetTimestamp());
        var records = await load();
        var rate = records / Stopwatch.GetElapsedTime(started).TotalSeconds;
        if (_runs++ >= Rounds.WarmUps)
        {
            _serverSeconds += server.ProcessorSeconds - serverBefore;
            _clientSeconds += ClientSeconds - clientBefore;
            _records += records;
        }

        return rate;
    }

    private static double ClientSeconds => Environment.CpuUsage.TotalTime.TotalSeconds;
}
