using LogKit.Postgres;
using LogKit.Testing;
using LogKit.Tests.Support;

namespace LogKit.Tests.Postgres;

/// <summary>Reads of several batches with one query: how many batches are returned, and the effects of truncation and damage.</summary>
public sealed class ReadBatchesTests
{
    private readonly string _schema = $"tests_{Guid.NewGuid():N}";

    [PostgresFact]
    public async Task A_read_returns_as_many_batches_as_the_limit_allows()
    {
        await using var log = await OpenAsync();
        var sizeBytes = (await AppendAsync(log, 50))[0].SizeBytes;
        foreach (var count in (int[])[1, 2, 10, 40])
        {
            Assert.Equal(count, (await log.ReadBatchesAsync(3, count * sizeBytes)).Count);
            Assert.Equal(count, (await log.ReadBatchesAsync(3, ((count + 1) * sizeBytes) - 1)).Count);
        }

        Assert.Equal(47, (await log.ReadBatchesAsync(3, int.MaxValue)).Count);
    }

    [PostgresFact]
    public async Task Batches_of_all_sizes_are_returned_in_order_and_within_the_limit()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        await using var log = await OpenAsync();
        var appended = new List<RecordBatch>();
        for (var i = 0; i < 100; i++)
        {
            appended.Add(
                new RecordBatch([
                    .. Enumerable.Range(0, 1 + random.Next(5)).Select(_ => new Record(new byte[random.Next(1 << random.Next(14))])),
                ]));
            await log.AppendBatchAsync(appended[i]);
        }

        for (var round = 0; round < 20 * TestSeed.Effort; round++)
        {
            var limitBytes = 1 << random.Next(20);
            var read = new List<RecordBatch>();
            for (var (offset, next) = (0ul, (await log.GetRangeAsync()).NextOffset); offset < next;)
            {
                var batches = await log.ReadBatchesAsync(offset, limitBytes);
                Assert.True(
                    batches.Count == 1 || batches.Sum(batch => batch.SizeBytes) <= limitBytes,
                    $"limit {limitBytes}, offset {offset}, seed {seed}");
                read.AddRange(batches);
                offset += (ulong)batches.Sum(batch => batch.Count);
            }

            Assert.True(
                appended.Zip(read).All(pair => pair.First.Encoded.Span.SequenceEqual(pair.Second.Encoded.Span)),
                $"limit {limitBytes}, seed {seed}");
            Assert.Equal(appended.Count, read.Count);
        }
    }

    [PostgresFact]
    public async Task Batches_that_another_server_truncates_are_gone_at_the_next_read()
    {
        await using var log = await OpenAsync();
        await using var other = await OpenAsync();
        await AppendAsync(log, 10);
        Assert.Equal(7, (await log.ReadBatchesAsync(0, 100)).Count);
        await other.TruncateBeforeAsync(8);
        var exception = await Assert.ThrowsAsync<OffsetOutOfRangeException>(() => log.ReadBatchesAsync(7, 100).AsTask());
        Assert.Equal(new LogRange(8, 10), exception.Range);
        Assert.Equal(2, (await log.ReadBatchesAsync(8, 100)).Count);
    }

    [PostgresTheory]
    [InlineData("update {0}.batches set payload = set_byte(payload, 3, 255 - get_byte(payload, 3)) where first_offset = 6")]
    [InlineData("update {0}.batches set record_count = record_count + 1 where first_offset = 6")]
    [InlineData("delete from {0}.batches where first_offset = 6")]
    public async Task An_answer_ends_before_damage_and_the_next_read_reports_it(string damage)
    {
        await using var log = await OpenAsync();
        var appended = await AppendAsync(log, 10);
        await PostgresCluster.Shared.ExecuteAsync(string.Format(null, damage, _schema));
        Assert.Equal(appended[3..6].Select(TextOf), (await log.ReadBatchesAsync(3, int.MaxValue)).Select(TextOf));
        Assert.Equal(6ul, (await Assert.ThrowsAsync<RecordCorruptException>(() => log.ReadBatchesAsync(6, int.MaxValue).AsTask())).Offset);
        Assert.Equal(appended[7..].Select(TextOf), (await log.ReadBatchesAsync(7, int.MaxValue)).Select(TextOf));
    }

    [PostgresFact]
    public async Task A_truncated_answer_is_requested_again_as_a_whole()
    {
        await using var proxy = new NetworkProxy(PostgresCluster.Shared.Port);
        await using var log = await OpenAsync(PostgresCluster.ConnectionStringAt(proxy.Port));
        for (var i = 0; i < 40; i++)
            await log.AppendBatchAsync(RecordBatch.OfText($"{i} {new string('x', 50_000)}"));
        var pieces = 0;
        proxy.Script = (direction, _) => direction is ProxyDirection.ToClient && Interlocked.Increment(ref pieces) == 15 // of about 30
            ? ProxyAction.CutBefore : ProxyAction.Forward;
        var batches = await log.ReadBatchesAsync(0, int.MaxValue);
        Assert.True(pieces > 15, $"{pieces} pieces of answers came: expected that the 15th was lost, and others came after it");
        Assert.Equal(Enumerable.Range(0, 40).Select(i => $"{i} "), batches.Select(batch => TextOf(batch).TrimEnd('x')));
    }

    private static string TextOf(RecordBatch batch) => batch[0].ToString();

    /// <summary>Appends batches of one record each, all of the same size.</summary>
    private static async Task<List<RecordBatch>> AppendAsync(PostgresLog log, int count)
    {
        var batches = Enumerable.Range(0, count).Select(i => RecordBatch.OfText($"record {i:D3}")).ToList();
        await Task.WhenAll(batches.Select(batch => log.AppendBatchAsync(batch).AsTask()));
        return batches;
    }

    private Task<PostgresLog> OpenAsync(string? connectionString = null)
    {
        connectionString ??= PostgresCluster.Shared.ConnectionString;
        return PostgresLog.OpenAsync(new PostgresLogOptions { ConnectionString = connectionString, SchemaName = _schema });
    }
}
