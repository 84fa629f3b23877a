using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using LogKit.Tests.Conformance.Broken;

namespace LogKit.Tests.Conformance.Stores;

/// <summary>Refuses the names of devices, as some file systems do.</summary>
internal sealed class RefusesNamesOfDevices(StoreMedium medium) : SoundStore(medium)
{
    public override ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default) =>
        name.Equals("nul", StringComparison.OrdinalIgnoreCase)
            ? throw new LogNameException(name) : base.CreateAsync(name, settings, cancellationToken);
}

/// <summary>Changes names before it looks at them.</summary>
internal sealed class ChangesNames(StoreMedium medium, Func<string, string> change) : SoundStore(medium)
{
    public override ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default) =>
        base.OpenAsync(change(name), cancellationToken);

    public override async ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default) =>
        (await base.CreateAsync(change(name), settings, cancellationToken)) with { Name = name };

    public override ValueTask<LogInfo> GetAsync(string name, CancellationToken cancellationToken = default) =>
        base.GetAsync(change(name), cancellationToken);

    public override ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default) =>
        base.DeleteAsync(change(name), cancellationToken);
}

/// <summary>Opens the log of another name.</summary>
internal sealed class OpensAnother(StoreMedium medium) : SoundStore(medium)
{
    public override ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default) =>
        base.OpenAsync(name == "c" ? "b" : name, cancellationToken);
}

/// <summary>Hides the default log.</summary>
internal sealed class HidesTheDefaultLog(StoreMedium medium) : SoundStore(medium)
{
    public override async IAsyncEnumerable<LogInfo> ListAsync(
        string prefix = "", [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var log in base.ListAsync(prefix, cancellationToken))
        {
            if (log.Name != LogNames.Default)
                yield return log;
        }
    }
}

/// <summary>Writes something into each new log.</summary>
internal sealed class WritesIntoNewLogs(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default)
    {
        var created = await base.CreateAsync(name, settings, cancellationToken);
        await using var log = await Medium.Durable.OpenAsync(name, cancellationToken);
        await log.AppendBatchAsync(RecordBatch.OfText("header"), cancellationToken: cancellationToken);
        return created;
    }
}

/// <summary>Empties a log that is to be created and exists.</summary>
internal sealed class CreatesAnew(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await base.CreateAsync(name, settings, cancellationToken);
        }
        catch (LogExistsException) when (name != LogNames.Default)
        {
            await base.DeleteAsync(name, cancellationToken);
            return await base.CreateAsync(name, settings, cancellationToken);
        }
    }
}

/// <summary>Looks whether a log exists, and then takes what it finds for what it made.</summary>
internal sealed class LooksThenCreates(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default)
    {
        try
        {
            await base.GetAsync(name, cancellationToken);
        }
        catch (LogNotFoundException)
        {
            await Task.Yield();
            try
            {
                return await base.CreateAsync(name, settings, cancellationToken);
            }
            catch (LogExistsException)
            {
                return await base.GetAsync(name, cancellationToken);
            }
        }

        throw new LogExistsException(name);
    }
}

/// <summary>Creates what is opened.</summary>
internal sealed class CreatesWhatIsOpened(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default)
    {
        try
        {
            return await base.OpenAsync(name, cancellationToken);
        }
        catch (LogNotFoundException)
        {
            await base.CreateAsync(name, null, cancellationToken);
            return await base.OpenAsync(name, cancellationToken);
        }
    }
}

/// <summary>Makes the id from the name.</summary>
internal sealed class MakesIdsFromNames(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default) =>
        WithId(await base.CreateAsync(name, settings, cancellationToken));

    public override async ValueTask<LogInfo> GetAsync(string name, CancellationToken cancellationToken = default) =>
        WithId(await base.GetAsync(name, cancellationToken));

    private static LogInfo WithId(LogInfo log) => log with
    {
        Id = new Guid(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(log.Name)).AsSpan(..16)),
    };
}

/// <summary>Changes settings before it keeps them.</summary>
internal sealed class ChangesSettings(StoreMedium medium, Func<LogSettings, LogSettings> change) : SoundStore(medium)
{
    public override ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default) =>
        base.CreateAsync(name, change(settings ?? new LogSettings()), cancellationToken);
}

/// <summary>Keeps the settings that an update leaves out.</summary>
internal sealed class MergesSettings(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<LogInfo> UpdateAsync(
        string name, LogSettings settings, CancellationToken cancellationToken = default)
    {
        var old = (await GetAsync(name, cancellationToken)).Settings;
        var merged = settings with
        {
            RetentionLimitBytes = settings.RetentionLimitBytes ?? old.RetentionLimitBytes,
            RetentionLimitMs = settings.RetentionLimitMs ?? old.RetentionLimitMs,
        };
        return await base.UpdateAsync(name, merged, cancellationToken);
    }
}

/// <summary>Deletes something although it was told to stop.</summary>
internal sealed class IgnoresTheTokenOfADeletion(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default)
    {
        await base.DeleteAsync(name, CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
    }
}

/// <summary>Gives a new log the records of the one that was deleted.</summary>
internal sealed class RevivesRecords(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default)
    {
        await using (var log = await Medium.Durable.OpenAsync(name, cancellationToken))
        {
            if ((await log.GetRangeAsync(cancellationToken)) is { StartOffset: 0, NextOffset: > 0 })
                Medium.Notes[name] = await log.ReadBatchAsync(0, cancellationToken);
        }

        await base.DeleteAsync(name, cancellationToken);
    }

    public override async ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default)
    {
        var created = await base.CreateAsync(name, settings, cancellationToken);
        if (Medium.Notes.TryRemove(name, out var batch))
        {
            await using var log = await Medium.Durable.OpenAsync(name, cancellationToken);
            await log.AppendBatchAsync((RecordBatch)batch, cancellationToken: cancellationToken);
        }

        return created;
    }
}

/// <summary>Gives out handles that are broken.</summary>
internal sealed class GivesOut(StoreMedium medium, Func<ILogStore, string, ITruncatableLog, ILog> handle) : SoundStore(medium)
{
    public override async ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default) =>
        handle(this, name, (ITruncatableLog)await base.OpenAsync(name, cancellationToken));
}

/// <summary>Refers to a name: if its log was deleted, it continues in the next one.</summary>
internal sealed class FollowsTheName(ILogStore store, string name, ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        }
        catch (LogDeletedException)
        {
            try
            {
                return await (await store.OpenAsync(name, cancellationToken)).AppendBatchAsync(batch, expectedOffset, cancellationToken);
            }
            catch (LogNotFoundException)
            {
                // There is none.
            }

            throw;
        }
    }
}

/// <summary>Reads by name.</summary>
internal sealed class ReadsByName(ILogStore store, string name, ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask<RecordBatch> ReadBatchAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        await using var log = (ReadsByName)await store.OpenAsync(name, cancellationToken);
        return await log.Inner.ReadBatchAsync(offset, cancellationToken);
    }
}

/// <summary>Lets waits, or appends, of a deleted log hang.</summary>
internal sealed class HangsWhenDeleted(ITruncatableLog inner, bool waits) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        try
        {
            await Inner.WaitForAppendAsync(offset, cancellationToken);
        }
        catch (LogDeletedException) when (waits)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }

    public override async ValueTask<ulong> AppendBatchAsync(
        RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
    {
        try
        {
            return await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
        }
        catch (LogDeletedException) when (!waits)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            throw;
        }
    }
}

/// <summary>Deletes in its own way.</summary>
internal sealed class DeletesDifferently(StoreMedium medium, Func<SoundStore, StoreMedium, string, Task> delete) : SoundStore(medium)
{
    public override async ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default)
    {
        await GetOrRefuseAsync(name, cancellationToken);
        await delete(this, Medium, name);
    }

    private async Task GetOrRefuseAsync(string name, CancellationToken cancellationToken)
    {
        if (LogNames.Refuse(name) is { } refusal)
            throw refusal;
        try
        {
            await GetAsync(name, cancellationToken);
        }
        catch (LogNotFoundException)
        {
            // Which is up to the deletion.
        }
    }
}

/// <summary>Wakes the waits of all logs with each append.</summary>
internal sealed class WakesEverybody(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default) =>
        new Handle((ITruncatableLog)await base.OpenAsync(name, cancellationToken), Medium);

    private sealed class Handle(ITruncatableLog inner, StoreMedium medium) : LogDecorator(inner)
    {
        public override async ValueTask<ulong> AppendBatchAsync(
            RecordBatch batch, ulong? expectedOffset = null, CancellationToken cancellationToken = default)
        {
            var offset = await Inner.AppendBatchAsync(batch, expectedOffset, cancellationToken);
            if (medium.Notes.TryRemove("waiting", out var waiting))
                ((TaskCompletionSource)waiting).TrySetResult();
            return offset;
        }

        public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
        {
            var woken = (TaskCompletionSource)medium.Notes.GetOrAdd(
                "waiting", _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            await await Task.WhenAny(Inner.WaitForAppendAsync(offset, cancellationToken).AsTask(), woken.Task);
        }
    }
}

/// <summary>Truncates all logs.</summary>
internal sealed class TruncatesAll(ILogStore store, ITruncatableLog inner) : LogDecorator(inner)
{
    public override async ValueTask TruncateBeforeAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        await foreach (var log in store.ListAsync(cancellationToken: cancellationToken))
        {
            if (await store.OpenAsync(log.Name, cancellationToken) is TruncatesAll handle
                && (await handle.GetRangeAsync(cancellationToken)).NextOffset >= offset)
                await handle.TruncateOneAsync(offset);
        }
    }

    private ValueTask TruncateOneAsync(ulong offset) => base.TruncateBeforeAsync(offset);
}

/// <summary>Shares one handle among all who open a log.</summary>
internal sealed class SharesItsHandles(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default)
    {
        if (Medium.Notes.TryGetValue(name, out var shared))
            return (ILog)shared;
        return (ILog)(Medium.Notes[name] = await base.OpenAsync(name, cancellationToken));
    }
}

/// <summary>Has a place for so many pending calls, in all logs together.</summary>
internal sealed class HasFewPlaces(ITruncatableLog inner, SemaphoreSlim places) : LogDecorator(inner)
{
    public override async ValueTask WaitForAppendAsync(ulong offset, CancellationToken cancellationToken = default)
    {
        await places.WaitAsync(cancellationToken);
        try
        {
            await Inner.WaitForAppendAsync(offset, cancellationToken);
        }
        finally
        {
            places.Release();
        }
    }
}

/// <summary>Lists in its own way.</summary>
internal sealed class ListsDifferently(StoreMedium medium, Func<string, List<LogInfo>, IEnumerable<LogInfo>> list) : SoundStore(medium)
{
    public override async IAsyncEnumerable<LogInfo> ListAsync(
        string prefix = "", [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var all = new List<LogInfo>();
        await foreach (var log in base.ListAsync("", cancellationToken))
            all.Add(log);
        foreach (var log in list(prefix, all))
            yield return log;
    }

    public static bool IsLike(string name, string prefix)
    {
        var pattern = Regex.Escape(prefix).Replace("%", ".*", StringComparison.Ordinal).Replace('_', '.');
        return Regex.IsMatch(name, $"^{pattern}", RegexOptions.None, TimeSpan.FromSeconds(1));
    }
}

/// <summary>Lists pages by position.</summary>
internal sealed class ListsByPosition(StoreMedium medium) : SoundStore(medium)
{
    public override async IAsyncEnumerable<LogInfo> ListAsync(
        string prefix = "", [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        for (var position = 0; ; position++)
        {
            LogInfo? next = null;
            var i = 0;
            await foreach (var log in base.ListAsync(prefix, cancellationToken))
            {
                if (i++ == position)
                    next = log;
            }

            if (next is null)
                yield break;
            yield return next;
            await Task.Yield();
        }
    }
}

/// <summary>Leaves its handles open at the end.</summary>
internal sealed class LeavesItsHandlesOpen(StoreMedium medium) : SoundStore(medium)
{
    protected override bool EndsHandles => false;
}

/// <summary>Undoes something when it is opened again.</summary>
internal sealed class UndoesAtOpening : SoundStore
{
    private readonly bool _onlyAfterACrash;

    public UndoesAtOpening(StoreMedium medium, bool onlyAfterACrash)
        : base(medium)
    {
        _onlyAfterACrash = onlyAfterACrash;
        if (medium.Notes.TryRemove("deleted", out var deleted) && !(onlyAfterACrash && medium.Notes.TryRemove("closed", out _)))
            medium.Durable.CreateAsync((string)deleted).AsTask().GetAwaiter().GetResult();
    }

    public override async ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default)
    {
        await base.DeleteAsync(name, cancellationToken);
        Medium.Notes["deleted"] = name;
    }

    public override ValueTask DisposeAsync()
    {
        if (_onlyAfterACrash)
            Medium.Notes["closed"] = true;
        return base.DisposeAsync();
    }
}

/// <summary>Creates a log in two steps.</summary>
internal sealed class CreatesInTwoSteps(StoreMedium medium) : SoundStore(medium)
{
    public override async ValueTask<LogInfo> CreateAsync(
        string name, LogSettings? settings = null, CancellationToken cancellationToken = default)
    {
        await base.CreateAsync(name, null, cancellationToken);
        Medium.Step();
        await Medium.Durable.DeleteAsync(name, cancellationToken);
        return await Medium.Durable.CreateAsync(name, settings, cancellationToken);
    }
}
