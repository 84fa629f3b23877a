using LogKit.Benchmarks;

return args switch
{
    [] or ["disk", ..] => await DiskBenchmarks.RunAsync(new BenchmarkSettings(args)),
    ["micro"] => MicroBenchmarks.Run(),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: dotnet run -c Release --project Log.Benchmarks -- disk [--directory D] [--seconds N] [--large-gib N] [--only TEXT]

        or:    dotnet run -c Release --project Log.Benchmarks -- micro

          disk   the disk log beside what the device itself can do, measured in the same run on the same directory
          micro  the steps of an append and of a read by themselves
        """);
    return 2;
}
