using System.Collections.Concurrent;
using LogKit.Conformance;

namespace LogKit.Tests.Conformance.Stores;

/// <summary>A broken store, and the rule that must detect it.</summary>
internal sealed record StoreMutant(string Name, string Rule, Func<StoreMedium, ILogStore> Break);

/// <summary>All broken stores. Every rule for stores has at least one.</summary>
internal static class StoreMutants
{
    public static StoreMutant Sound { get; } = new("sound", "", medium => new SoundStore(medium));

    public static IReadOnlyList<StoreMutant> All { get; } =
    [
        new("refuses names of devices", "NAME-01", medium => new RefusesNamesOfDevices(medium)),
        new("replaces slashes", "NAME-02", medium => new ChangesNames(medium, name => name.Replace('/', '-'))),
        new("ignores case", "NAME-03", medium => new ChangesNames(medium, name => name.ToLowerInvariant())),
        new("hides the default log", "NAME-04", medium => new HidesTheDefaultLog(medium)),
        new("writes into new logs", "CREATE-01", medium => new WritesIntoNewLogs(medium)),
        new("creates anew", "CREATE-02", medium => new CreatesAnew(medium)),
        new("looks, then creates", "CREATE-03", medium => new LooksThenCreates(medium)),
        new("creates what is opened", "CREATE-04", medium => new CreatesWhatIsOpened(medium)),
        new("makes ids from names", "CREATE-05", medium => new MakesIdsFromNames(medium)),
        new(
            "keeps start offsets in 32 bits",
            "CREATE-06",
            medium => new ChangesSettings(medium, settings => settings with { StartOffset = (uint)settings.StartOffset })),
        new("ignores the token of a deletion", "CREATE-07", medium => new IgnoresTheTokenOfADeletion(medium)),
        new("revives records", "DELETE-01", medium => new RevivesRecords(medium)),
        new("follows the name", "DELETE-02", medium => new GivesOut(medium, (store, name, log) => new FollowsTheName(store, name, log))),
        new("strands waits", "DELETE-03", medium => new GivesOut(medium, (_, _, log) => new HangsWhenDeleted(log, waits: true))),
        new("strands appends", "DELETE-04", medium => new GivesOut(medium, (_, _, log) => new HangsWhenDeleted(log, waits: false))),
        new(
            "deletes the default log",
            "DELETE-05",
            medium => new DeletesDifferently(
                medium, (_, medium, name) => name == "log" ? Task.CompletedTask : medium.Durable.DeleteAsync(name).AsTask())),
        new("deletes what is not there", "DELETE-06", medium => new DeletesDifferently(medium, DeleteIfThereAsync)),
        new("reads by name", "DELETE-07", medium => new GivesOut(medium, (store, name, log) => new ReadsByName(store, name, log))),
        new("opens another log", "ISOLATE-01", medium => new OpensAnother(medium)),
        new("wakes everybody", "ISOLATE-02", medium => new WakesEverybody(medium)),
        new("truncates all logs", "ISOLATE-03", medium => new GivesOut(medium, (store, _, log) => new TruncatesAll(store, log))),
        new("shares its handles", "ISOLATE-04", medium => new SharesItsHandles(medium)),
        new("deletes by prefix", "ISOLATE-05", medium => new DeletesDifferently(medium, DeleteByPrefixAsync)),
        new("has few places", "ISOLATE-06", WithFewPlaces),
        new(
            "orders without case",
            "LIST-01",
            medium => new ListsDifferently(
                medium,
                (prefix, all) => all.Where(log => log.Name.StartsWith(prefix, StringComparison.Ordinal))
                    .OrderBy(log => log.Name, StringComparer.OrdinalIgnoreCase))),
        new(
            "takes prefixes for patterns",
            "LIST-02",
            medium => new ListsDifferently(medium, (prefix, all) => all.Where(log => ListsDifferently.IsLike(log.Name, prefix)))),
        new("lists by position", "LIST-03", medium => new ListsByPosition(medium)),
        new(
            "lists one page only",
            "LIST-04",
            medium => new ListsDifferently(
                medium, (prefix, all) => all.Where(log => log.Name.StartsWith(prefix, StringComparison.Ordinal)).Take(100))),
        new(
            "fills in settings",
            "SET-01",
            medium => new ChangesSettings(
                medium, settings => settings with { RetentionLimitMs = settings.RetentionLimitMs ?? 86_400_000 })),
        new("merges settings", "SET-02", medium => new MergesSettings(medium)),
        new(
            "takes zero for no limit",
            "SET-03",
            medium => new ChangesSettings(
                medium,
                settings => settings.RetentionLimitBytes is 0 ? settings with { RetentionLimitBytes = null } : settings)),
        new("leaves its handles open", "STORE-01", medium => new LeavesItsHandlesOpen(medium)),
        new("undoes a deletion when it is reopened", "STORE-02", medium => new UndoesAtOpening(medium, onlyAfterACrash: false)),
        new("undoes a deletion in a crash", "STORE-03", medium => new UndoesAtOpening(medium, onlyAfterACrash: true)),
        new("creates in two steps", "STORE-04", medium => new CreatesInTwoSteps(medium)),
    ];

    private static async Task DeleteIfThereAsync(SoundStore store, StoreMedium medium, string name)
    {
        try
        {
            await medium.Durable.DeleteAsync(name);
        }
        catch (LogNotFoundException)
        {
            // Which is what was asked for.
        }
    }

    private static async Task DeleteByPrefixAsync(SoundStore store, StoreMedium medium, string name)
    {
        await medium.Durable.DeleteAsync(name);
        await foreach (var log in medium.Durable.ListAsync(name))
        {
            if (log.Name != LogNames.Default)
                await medium.Durable.DeleteAsync(log.Name);
        }
    }

    private static GivesOut WithFewPlaces(StoreMedium medium)
    {
        var places = new SemaphoreSlim(500);
        return new GivesOut(medium, (_, _, log) => new HasFewPlaces(log, places));
    }
}

/// <summary>Opens broken stores, quickly and with all capabilities.</summary>
internal sealed class BrokenStoreHarness(StoreMutant mutant) : LogStoreHarness
{
    private readonly ConcurrentDictionary<string, StoreMedium> _media = [];

    public override LogCapabilities Capabilities => LogCapabilities.Reopen | LogCapabilities.Crash | LogCapabilities.Truncate;

    public override int RaceRounds => 1000;

    public override TimeSpan Timeout => TimeSpan.FromSeconds(1);

    public override TimeSpan Patience => TimeSpan.FromMilliseconds(20);

    public override int ManyLogs => 150;

    public override ValueTask<ILogStore> OpenStoreAsync(string name)
    {
        var medium = _media.GetOrAdd(name, _ => new StoreMedium());
        var store = mutant.Break(medium);
        medium.Session = store as SoundStore;
        return ValueTask.FromResult(store);
    }

    public override async ValueTask CrashStoreAsync(string name) => await _media[name].CrashAsync();

    public override ValueTask<bool> CrashStoreSoonAsync(string name, int steps)
    {
        _media[name].CrashAfter(steps);
        return ValueTask.FromResult(true);
    }
}
