using Grpc.Health.V1;
using Grpc.Net.Client;
using LogKit.Client;
using LogKit.Server;
using LogKit.Server.Connections;
using LogKit.Tests.Support;

namespace LogKit.Tests.Observability;

/// <summary>
/// A change in the state of the log is reported in one line in the journal, with its cause and remedy, and affects health where it should.
/// </summary>
public sealed class LogEventReportTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [LinuxFact]
    public async Task A_log_whose_files_are_deleted_is_read_only_in_the_journal_and_not_serving()
    {
        using var server = ServerProcess.StartOn(_directory["log"]);
        server.Expects(60);
        var address = await server.AddressAsync();
        await using var log = GrpcLog.Connect(address);
        await log.AppendBatchAsync(RecordBatch.OfText("before"));
        Directory.Delete(_directory["log"], recursive: true);

        await server.SaysAsync("fail: LogKit[60] the log in ");
        using var channel = GrpcChannel.ForAddress(address);
        var health = await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest());
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.NotServing, health.Status);
        for (var i = 0; i < 3; i++)
            await Assert.ThrowsAsync<LogReadOnlyException>(() => log.AppendBatchAsync(RecordBatch.OfText("refused")).AsTask());
        server.Signal("TERM");
        await server.ExitCodeAsync();
        var line = Assert.Single(server.Output.Split('\n'), line => line.Contains("LogKit[60]", StringComparison.Ordinal));
        Assert.Contains("is no longer the directory that was opened", line, StringComparison.Ordinal);
        Assert.Contains("restart the server", line, StringComparison.Ordinal);
    }

    [MountFact]
    public async Task The_journal_reports_once_that_a_log_is_full_and_once_that_it_has_room_again()
    {
        using var mount = new TestMount(_directory["mount"], 3 * 1024 * 1024);
        var ballast = Path.Combine(_directory["mount"], "ballast");
        await File.WriteAllBytesAsync(ballast, new byte[1024 * 1024]);
        using var server = ServerProcess.StartOn(Path.Combine(_directory["mount"], "log"));
        server.Expects(61, 62);
        await using var log = GrpcLog.Connect(await server.AddressAsync());
        await log.FillAsync([], minBytes: 1000);
        await Assert.ThrowsAsync<LogFullException>(() => log.AppendBatchAsync(RecordBatch.OfText(new string('x', 100_000))).AsTask());
        await server.SaysAsync("fail: LogKit[61] the log in ");
        File.Delete(ballast);
        await log.AppendBatchAsync(RecordBatch.OfText(new string('x', 100_000)));
        await server.SaysAsync("info: LogKit[62] the log in ");
        server.Signal("TERM");
        Assert.Equal(0, await server.ExitCodeAsync());
        Assert.DoesNotContain("LogKit[60]", server.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4096, 65536L, 4096)]
    [InlineData(4096, 4608L, 4096)]
    [InlineData(4096, 4607L, 4095)]
    [InlineData(4096, 1024L, 512)]
    [InlineData(100, 1024L, 100)]
    [InlineData(4096, null, 4096)]
    public void Connections_leave_enough_descriptors_for_the_log(int setting, long? descriptors, int expected)
    {
        var (limit, reason) = DescriptorLimit.Apply(setting, descriptors);
        Assert.Equal(expected, limit);
        Assert.Equal(expected < setting, reason is not null);
    }

    [Fact]
    public void A_process_without_descriptors_for_a_few_connections_does_not_start()
    {
        var exception = Assert.Throws<SettingException>(() => DescriptorLimit.Apply(4096, 520));
        Assert.Contains("LimitNOFILE", exception.Message, StringComparison.Ordinal);
    }
}
