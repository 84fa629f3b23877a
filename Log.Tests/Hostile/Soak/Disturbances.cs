using System.Net.Sockets;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hostile.Soak;

/// <summary>A step that is repeated against a server while clients work. A step may end early when the soak stops.</summary>
internal sealed record Disturbance(string Name, Func<CancellationToken, Task> StepAsync)
{
    private readonly TaskCompletionSource _once = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The number of completed steps.</summary>
    public int Steps { get; private set; }

    /// <summary>Completes after the first step, or when the disturbance ends.</summary>
    public Task Once => _once.Task;

    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                await StepAsync(stop);
                Steps++;
                _once.TrySetResult();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The soak has stopped.
        }
        finally
        {
            _once.TrySetResult();
        }
    }
}

/// <summary>The disturbances to choose from. To add one, add a method here and use it in a soak test.</summary>
internal sealed class Disturbances(SoakServer server, SoakProgress progress, int seed)
{
    private const int BatchesBetweenKills = 500;

    /// <summary>Kills the server while it works, and restarts it.</summary>
    public Disturbance Kills()
    {
        var random = new Random(TestSeed.Mix(seed, 1));
        return new Disturbance("kills", async stop =>
        {
            await progress.MoreAsync(random.Next(1, BatchesBetweenKills), stop);
            await server.RestartByKillAsync();
        });
    }

    /// <summary>
    /// Renews the certificate, takes the right of the tails away, gives it back, and then kills the server. The order is fixed, because a
    /// server does not start with half-written files.
    /// </summary>
    public Disturbance NewFilesAndKills(SoakFiles files)
    {
        var random = new Random(TestSeed.Mix(seed, 5));
        return new Disturbance("new files and kills", async stop =>
        {
            await progress.MoreAsync(random.Next(1, BatchesBetweenKills), stop);
            files.WriteCertificate();
            files.Permit("produce");
            try
            {
                await progress.MoreAsync(random.Next(1, BatchesBetweenKills), stop);
            }
            finally
            {
                files.Permit("produce consume");
            }

            await progress.MoreAsync(random.Next(1, BatchesBetweenKills), stop);
            await server.RestartByKillAsync();
        });
    }

    /// <summary>Sends bytes that are neither gRPC nor TLS.</summary>
    public Disturbance ForeignBytes()
    {
        var random = new Random(TestSeed.Mix(seed, 2));
        var cases = ForeignBytesTests.Cases.Values.Select(row => row.Bytes).ToArray();
        return new Disturbance("connections with foreign bytes", stop => PastKillsAsync(async () =>
        {
            await progress.MoreAsync(10, stop);
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", new Uri(server.Address).Port, stop);
            await client.GetStream().WriteAsync(cases[random.Next(cases.Length)], stop);
            await client.GetStream().CopyToAsync(Stream.Null, stop);
        }));
    }

    /// <summary>Makes calls that violate gRPC, in every way that the tests know.</summary>
    public Disturbance MalformedCalls()
    {
        var random = new Random(TestSeed.Mix(seed, 3));
        var cases = MalformedCallTests.Bodies.Values.Select(row => (Body: row.Body(), row.Encoding)).ToArray();
        return new Disturbance("malformed calls", stop => PastKillsAsync(async () =>
        {
            await progress.MoreAsync(10, stop);
            using var raw = new RawGrpc(server.Address);
            var (body, encoding) = cases[random.Next(cases.Length)];
            await raw.CallAsync(random.Next(2) == 0 ? "Produce" : "ProduceStream", body, encoding);
        }));
    }

    /// <summary>Makes connections that violate HTTP/2, in every way that the tests know.</summary>
    public Disturbance MalformedConnections()
    {
        var random = new Random(TestSeed.Mix(seed, 4));
        var cases = MalformedConnectionTests.Cases.Values.Select(row => row.Bytes()).ToArray();
        return new Disturbance("malformed connections", stop => PastKillsAsync(async () =>
        {
            await progress.MoreAsync(100, stop);
            using var peer = await Http2Peer.ConnectAsync(server.Address);
            await peer.SendAsync(cases[random.Next(cases.Length)]);
            await peer.ReadGoAwayAsync();
        }));
    }

    /// <summary>Runs an attack. The server may be killed meanwhile, so a lost connection is not an error.</summary>
    private static async Task PastKillsAsync(Func<Task> attack)
    {
        try
        {
            await attack();
        }
        catch (Exception exception) when (exception is SocketException or IOException or HttpRequestException)
        {
            await Pause.AfterInterruptionAsync();
        }
    }
}
