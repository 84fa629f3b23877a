using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Postgres;

/// <summary>
/// All processes of the database are frozen while a server has producers and tails. The server keeps responding, and stops in time.
/// </summary>
public sealed class FrozenDatabaseTests
{
    private const int Tails = 100;
    private const int Producers = 4;

    [PostgresFact]
    public async Task A_server_whose_database_hangs_answers_health_probes_and_stops_within_its_limit()
    {
        using var cluster = new PostgresCluster();
        using var server = ServerProcess.StartOnDatabase(cluster.ConnectionString, "--Log:StopLimitMs=1000");
        using var channel = GrpcChannel.ForAddress(await server.AddressAsync());
        var client = new Log.LogClient(channel);
        var health = new Health.HealthClient(channel);
        var request = new ProduceRequest
        {
            RecordBatch = new V1.RecordBatch { Records = { new V1.Record { Value = Google.Protobuf.ByteString.CopyFromUtf8("x") } } },
        };
        await client.ProduceAsync(request);
        var tails = Enumerable.Range(0, Tails).Select(_ => client.ConsumeStream(new ConsumeRequest { Offset = 1 })).ToList();
        foreach (var tail in tails)
            await tail.ResponseHeadersAsync.Within("a tail to wait");

        cluster.Freeze();
        try
        {
            var appends = Enumerable
                .Range(0, Producers)
                .Select(_ => OutcomeAsync(client.ProduceAsync(request, deadline: DateTime.UtcNow.AddSeconds(3)).ResponseAsync))
                .ToList();
            while (!appends.TrueForAll(append => append.IsCompleted))
            {
                var answer = await health.CheckAsync(new HealthCheckRequest(), deadline: DateTime.UtcNow.AddSeconds(10));
                Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, answer.Status);
                await Task.WhenAny(Task.WhenAll(appends), Task.Delay(100));
            }

            Assert.All(await Task.WhenAll(appends), status =>
                Assert.True(status is StatusCode.Unavailable or StatusCode.Unknown or StatusCode.DeadlineExceeded, $"{status}"));
            server.Signal("TERM");
            Assert.Equal(0, await server.ExitCodeAsync());
        }
        finally
        {
            cluster.Thaw();
            tails.ForEach(tail => tail.Dispose());
        }
    }

    private static async Task<StatusCode> OutcomeAsync(Task call)
    {
        try
        {
            await call;
            return StatusCode.OK;
        }
        catch (RpcException exception)
        {
            return exception.StatusCode;
        }
    }
}
