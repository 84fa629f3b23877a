// Guestbook.cs
using LogKit;
using LogKit.InMemory;
using LogKit.Testing;
using Moq;

namespace Example.Testing;

/// <summary>Says what its users can do when the log takes no more entries. Reading goes on.</summary>
public sealed class Guestbook(ILog log)
{
    public async Task<string> SignAsync(string entry)
    {
        try
        {
            return $"entry {await log.AppendBatchAsync(RecordBatch.OfText(entry))}";
        }
        catch (LogFullException)
        {
            return "the guestbook is full: please come back tomorrow";
        }
        catch (LogReadOnlyException)
        {
            return "the guestbook is closed: the staff has been called";
        }
    }

    public async Task<string> FirstAsync() => (await log.ReadBatchAsync(0))[0].ToString();
}

public sealed class GuestbookTests
{
    [Fact]
    public async Task A_full_guestbook_takes_entries_again_once_there_is_space()
    {
        await using var log = new FaultyLog(new InMemoryLog());
        var guestbook = new Guestbook(log);
        await guestbook.SignAsync("Ada");
        using (log.Inject(Fault.Full, LogOperations.Append, times: int.MaxValue))
        {
            Assert.Equal("the guestbook is full: please come back tomorrow", await guestbook.SignAsync("Bob"));
            Assert.Equal("Ada", await guestbook.FirstAsync());
        }

        Assert.Equal("entry 1", await guestbook.SignAsync("Bob"));
    }

    [Fact]
    public async Task A_closed_guestbook_stays_closed_until_the_log_is_reopened()
    {
        await using var log = new FaultyLog(new InMemoryLog());
        var guestbook = new Guestbook(log);
        await guestbook.SignAsync("Ada");
        log.Inject(Fault.ReadOnly, LogOperations.Append);
        for (var i = 0; i < 3; i++)
            Assert.Equal("the guestbook is closed: the staff has been called", await guestbook.SignAsync("Bob"));
        Assert.Equal("Ada", await guestbook.FirstAsync());
        log.Reopen();
        Assert.Equal("entry 1", await guestbook.SignAsync("Bob"));
    }

    [Fact]
    public async Task A_mock_does_what_it_is_told_and_nothing_else()
    {
        var mock = new Mock<ILog>();
        mock.SetupSequence(log => log.AppendBatchAsync(It.IsAny<RecordBatch>(), null, default))
            .ReturnsAsync(0ul)
            .ThrowsAsync(new LogReadOnlyException())
            .ReturnsAsync(1ul); // no log does this: one that is read-only stays so
        var guestbook = new Guestbook(mock.Object);
        Assert.Equal("entry 0", await guestbook.SignAsync("Ada"));
        Assert.Equal("the guestbook is closed: the staff has been called", await guestbook.SignAsync("Bob"));
        Assert.Equal("entry 1", await guestbook.SignAsync("Cleo"));

        // And what was appended is not there, so a test that reads it back has to say what it reads.
        Assert.Null(await mock.Object.ReadBatchAsync(0));
    }
}
