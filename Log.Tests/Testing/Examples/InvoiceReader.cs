// InvoiceReader.cs
using LogKit;
using LogKit.Client;
using LogKit.InMemory;
using LogKit.Testing;

namespace Example.Testing;

/// <summary>Handles each record at least once, and resumes where it was: it saves the next offset after it has handled a batch.</summary>
public sealed class InvoiceReader(ILog log, Func<string, Task> handle, Func<ulong, Task> save)
{
    public async Task RunAsync(ulong savedOffset, CancellationToken stopping)
    {
        await foreach (var (first, batch) in log.TailAsync(savedOffset, cancellationToken: stopping))
        {
            foreach (var record in batch)
                await handle(record.ToString());
            await save(first + (ulong)batch.Count);
        }
    }
}

public sealed class InvoiceReaderTests
{
    [Fact]
    public async Task After_an_interruption_and_a_crash_every_invoice_is_handled_at_least_once_and_in_order()
    {
        await using var log = new FaultyLog(new InMemoryLog());
        for (var i = 0; i < 5; i++)
            await log.AppendBatchAsync(RecordBatch.OfText($"invoice {i}"));
        log.Inject(Fault.Unavailable, LogOperations.Read, skip: 2); // in the middle of it

        var (handled, saved) = (new List<string>(), 0ul);
        using var stopping = new CancellationTokenSource();
        await Assert.ThrowsAsync<IOException>(() => RunAsync(crashAt: "invoice 3"));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RunAsync(crashAt: null));

        Assert.Equal(Enumerable.Range(0, 5).Select(i => $"invoice {i}"), handled.Distinct());
        Assert.Equal(5ul, saved);

        Task RunAsync(string? crashAt)
        {
            var reader = new InvoiceReader(
                log,
                async invoice =>
                {
                    handled.Add(invoice);
                    if (invoice == crashAt)
                        throw new IOException("the printer is on fire");
                    if (invoice == "invoice 4")
                        await stopping.CancelAsync();
                },
                next => Task.FromResult(saved = next));
            return reader.RunAsync(saved, stopping.Token);
        }
    }
}
