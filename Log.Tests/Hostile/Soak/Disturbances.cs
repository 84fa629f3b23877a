using System.Net.Sockets;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hostile.Soak;

/// <summary>Something that happens to a server again and again while others work; a step may be left early once the soak stops.</summary>
internal sealed record Disturbance(string Name, Func<CancellationToken, Task> StepAsync)
{
    private readonly TaskCompletionSource _once = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How often it has happened.</summary>
    public int Steps { get; private set; }

    /// <summary>Completes once it has happened, or cannot any more.</summary>
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
            // As told.
        }
        finally
        {
            _once.TrySetResult();
        }
    }
}

/// <summary>What a soak can be disturbed by. A case to come is a method more, and a line in the soak that is to have it.</summary>
internal sealed class Disturbances(SoakServer server, SoakProgress progress, int seed)
{
    private const int BatchesBetweenKills = 500;

    /// <summary>The server is killed amid its work, and started again.</summary>
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
    /// The certificate is renewed, tails lose their right and get it back, and then the server is killed: in turn, for a server does not
    /// start on files that are half written.
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

    /// <summary>Bytes that are not gRPC, nor TLS.</summary>
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

    /// <summary>Calls that break gRPC's rules, in each of its ways.</summary>
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

    /// <summary>Connections that break HTTP/2's rules, in each of its ways.</summary>
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

    /// <summary>The connection may end at any byte: the server may be killed meanwhile.</summary>
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
