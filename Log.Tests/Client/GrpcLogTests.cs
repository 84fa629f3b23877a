using LogKit.Client;
using LogKit.Tests.Support;
using Moq;

namespace LogKit.Tests.Client;

/// <summary>A remote log behaves like a local one: it throws the same exceptions as the log on the server.</summary>
public sealed class GrpcLogTests
{
    public static TheoryData<LogException> Failures =>
    [
        new OffsetOutOfRangeException(42, new LogRange(10, 40)),
        new OffsetOutOfRangeException(3, new LogRange(10, 40)),
        new OffsetMismatchException(7, 9),
        new LogFullException(),
        new LogReadOnlyException(),
        new LogUnavailableException(),
        new AppendOutcomeUnknownException(),
        new RecordCorruptException(17),
    ];

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task An_exception_of_the_log_reaches_the_caller_unchanged(LogException failure)
    {
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>())).Throws(failure);
        await using var server = await TestServer.StartAsync(mock.Object, expectsJournalEntries: failure is LogReadOnlyException);
        await using var log = server.Connect();
        var remote = await Assert.ThrowsAsync(failure.GetType(), () => log.AppendBatchAsync(RecordBatch.OfText("x")).AsTask());
        Assert.Equal(failure.Message, remote.Message);
        foreach (var property in failure.GetType().GetProperties().Where(property => property.DeclaringType == failure.GetType()))
            Assert.Equal(property.GetValue(failure), property.GetValue(remote));
    }

    [Fact]
    public async Task A_batch_that_is_too_large_is_refused_as_by_a_local_log()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        await using var log = server.Connect();
        var large = new RecordBatch(new Record(new byte[5_000_000]));
        var local = await Assert.ThrowsAsync<BatchTooLargeException>(() => backend.Log.AppendBatchAsync(large).AsTask());
        var remote = await Assert.ThrowsAsync<BatchTooLargeException>(() => log.AppendBatchAsync(large).AsTask());
        Assert.Equal((local.Message, local.SizeBytes, local.LimitBytes), (remote.Message, remote.SizeBytes, remote.LimitBytes));
    }

    [Fact]
    public async Task A_missing_server_is_unavailable_and_leaves_nothing_open()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        var server = await TestServer.StartAsync(backend.Log);
        await server.DisposeAsync();
        await using var log = GrpcLog.Connect(server.Address);
        var append = await Assert.ThrowsAsync<LogUnavailableException>(() => log.AppendBatchAsync(RecordBatch.OfText("x")).AsTask());
        Assert.Contains("cannot be reached", append.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<LogUnavailableException>(() => log.ReadBatchAsync(0).AsTask());
        await Assert.ThrowsAsync<LogUnavailableException>(() => log.GetRangeAsync().AsTask());
        await Assert.ThrowsAsync<LogUnavailableException>(() => log.WaitForAppendAsync(0).AsTask());
    }

    [Fact]
    public async Task An_unexpected_failure_of_an_append_leaves_its_outcome_open()
    {
        var mock = new Mock<ILog>();
        mock.Setup(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), It.IsAny<ulong?>(), It.IsAny<CancellationToken>()))
            .Throws(new InvalidOperationException("a secret"));
        await using var server = await TestServer.StartAsync(mock.Object, expectsJournalEntries: true);
        await using var log = server.Connect();
        var unknown = await Assert.ThrowsAsync<AppendOutcomeUnknownException>(() => log.AppendBatchAsync(RecordBatch.OfText("x")).AsTask());
        Assert.DoesNotContain("secret", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_that_is_disposed_by_its_owner_leaves_the_log_on_the_server_as_it_is()
    {
        await using var backend = TestLog.Open(Backend.InMemory);
        await using var server = await TestServer.StartAsync(backend.Log);
        var first = server.Connect();
        await first.AppendBatchAsync(RecordBatch.OfText("a"));
        var wait = first.WaitForAppendAsync(1).AsTask();
        await first.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => wait.Within("the wait to end"));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => first.ReadBatchAsync(0).AsTask());
        await using var second = server.Connect();
        Assert.Equal("a", (await second.ReadBatchAsync(0))[0].ToString());
    }
}
