using System.Globalization;
using LogKit.Benchmarks;
using LogKit.Benchmarks.Disk;
using LogKit.Benchmarks.Micro;
using LogKit.Benchmarks.Postgres;
using LogKit.Benchmarks.Results;
using LogKit.Benchmarks.Service;
using LogKit.Benchmarks.Service.Peers;
using LogKit.Benchmarks.Sheet;

return args switch
{
    [] or ["disk", ..] => await RunAsync((settings, table) => new DiskBenchmarks(settings, table).RunAsync()),
    ["service", ..] => await RunAsync((settings, table) => new ServiceBenchmarks(settings, table).RunAsync()),
    ["scale", ..] => await RunAsync((settings, table) => new ScaleBenchmarks(settings, table).RunAsync()),
    ["postgres", ..] => await RunAsync((settings, table) => new PostgresBenchmarks(settings, table).RunAsync()),
    ["sheet", ..] => await RunAsync((settings, _) => new SheetBenchmarks(settings).RunAsync()),
    ["micro"] => MicroBenchmarks.Run(),
    ["serve", .. var server] => await PeerServer.RunAsync(server), // the processes that the service benchmarks start
    ["tail", var address, var tails] => await TailProcess.RunAsync(address, int.Parse(tails, CultureInfo.InvariantCulture)),
    _ => Usage(),
};

async Task<int> RunAsync(Func<BenchmarkSettings, Table, Task> benchmarks)
{
    try
    {
        var settings = new BenchmarkSettings(args.AsSpan(Math.Min(1, args.Length)));
        var table = new Table();
        Directory.CreateDirectory(settings.Directory);
        try
        {
            await benchmarks(settings, table);
        }
        finally
        {
            Directory.Delete(settings.Directory, recursive: true);
        }

        if (table.Rows.Count > 0)
            table.Print();
        if (settings.JsonFile.Length > 0)
            table.WriteJson(settings.JsonFile);
        if (settings.ChartFile.Length > 0)
            File.WriteAllText(settings.ChartFile, Chart.Draw(table.Rows));
        return 0;
    }
    catch (ArgumentException exception)
    {
        Console.Error.WriteLine($"error: {exception.Message}");
        return 2;
    }
}

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: dotnet run -c Release --project Log.Benchmarks -- disk|service|scale|postgres [--directory D] [--seconds N] [--large-gib N]
               [--only TEXT] [--json FILE] [--chart FILE]

        or:    dotnet run -c Release --project Log.Benchmarks -- sheet [--directory D] [--seconds N]
               dotnet run -c Release --project Log.Benchmarks -- micro

          disk      the disk log beside what the device itself can do, measured in the same run on the same directory
          service   the server beside a gRPC service that does nothing, a REST service, and Redis Streams where it is installed
          scale     the same with more streams, other sizes of batches and records, and larger logs
          postgres  the log in a database beside bare tables, on a PostgreSQL server of its own
          sheet     every log of this repository side by side, with the performance sheet of the conformance suite
          micro     the steps of an append and of a read by themselves
        """);
    return 2;
}
