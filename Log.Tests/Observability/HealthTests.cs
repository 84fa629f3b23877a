using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Grpc.Reflection.V1;
using LogKit.InMemory;
using LogKit.Tests.Support;
using Moq;

using Alpha = Grpc.Reflection.V1Alpha;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace LogKit.Tests.Observability;

/// <summary>Health checks and reflection, over real sockets.</summary>
public sealed class HealthTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("log.v1.Log")]
    public async Task The_server_and_its_service_are_serving(string service)
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log);
        Assert.Equal(ServingStatus.Serving, await StatusAsync(server.Channel, service));
    }

    [Fact]
    public async Task An_unknown_service_is_not_found()
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log);
        var missing = await Assert.ThrowsAsync<RpcException>(() => StatusAsync(server.Channel, "log.v2.Log"));
        Assert.Equal(StatusCode.NotFound, missing.StatusCode);
    }

    [Fact]
    public async Task A_log_that_becomes_read_only_is_not_serving_and_watchers_are_notified()
    {
        var log = new Mock<ILog>();
        log.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Returns(() => ValueTask.FromException<ulong>(new LogReadOnlyException()));
        await using var server = await TestServer.StartAsync(log.Object, expectsJournalEntries: true);
        using var watch = new Health.HealthClient(server.Channel).Watch(new HealthCheckRequest());
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));

        await using var remote = server.Connect();
        await Assert.ThrowsAsync<LogReadOnlyException>(() => remote.AppendBatchAsync(RecordBatch.OfText("a")).AsTask());
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        Assert.Equal(ServingStatus.NotServing, await StatusAsync(server.Channel, "log.v1.Log"));
        await Assert.ThrowsAsync<LogReadOnlyException>(() => remote.AppendBatchAsync(RecordBatch.OfText("b")).AsTask());
        Assert.Contains("restart the server", Assert.Single(server.Journal.Entries), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watcher_is_notified_of_a_stop_and_does_not_delay_it()
    {
        using var server = ServerProcess.StartOn(_directory["log"]);
        using var channel = GrpcChannel.ForAddress(await server.AddressAsync());
        using var watch = new Health.HealthClient(channel).Watch(new HealthCheckRequest { Service = "log.v1.Log" });
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));

        server.Signal("TERM");
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        Assert.False(await watch.ResponseStream.MoveNext().Within("the watch to end"));
        Assert.Equal(0, await server.ExitCodeAsync());
    }

    [Fact]
    public async Task Reflection_lists_the_service_in_both_versions()
    {
        await using var log = new InMemoryLog();
        await using var server = await TestServer.StartAsync(log);
        using var call = new ServerReflection.ServerReflectionClient(server.Channel).ServerReflectionInfo();
        await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.True(await call.ResponseStream.MoveNext().Within("the list of services"));
        Assert.Contains(call.ResponseStream.Current.ListServicesResponse.Service, service => service.Name is "log.v1.Log");

        using var alpha = new Alpha.ServerReflection.ServerReflectionClient(server.Channel).ServerReflectionInfo();
        await alpha.RequestStream.WriteAsync(new Alpha.ServerReflectionRequest { FileContainingSymbol = "log.v1.Log" });
        Assert.True(await alpha.ResponseStream.MoveNext().Within("the file of the service"));
        Assert.NotEmpty(alpha.ResponseStream.Current.FileDescriptorResponse.FileDescriptorProto);
    }

    private static async Task<ServingStatus> StatusAsync(GrpcChannel channel, string service) =>
        (await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest { Service = service })).Status;

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> watch)
    {
        Assert.True(await watch.ResponseStream.MoveNext().Within("a status"));
        return watch.ResponseStream.Current.Status;
    }
}
