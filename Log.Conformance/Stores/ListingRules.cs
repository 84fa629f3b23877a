namespace LogKit.Conformance.Stores;

/// <summary>The rules LIST-xx: which logs a listing has, and in which order.</summary>
internal static class ListingRules
{
    [Rule(
        "LIST-01",
        "A listing has every log once, with its id and settings, ordered by name, ordinal.",
        Why = "Tools page through a listing, compare two of them, and merge them.",
        Without = "A backup leaves logs out.")]
    public static async Task LIST_01_a_listing_has_every_log_once_and_in_order(StoreRun run)
    {
        var store = await run.OpenAsync();
        var created = new List<LogInfo> { await store.GetAsync(LogNames.Default) };
        foreach (var name in (string[])["b", "a", "B", "a.b", "a-b", "a_b", "ab", "A1", "10", "9", "z", "Z.z"])
            created.Add(await store.CreateAsync(name, new LogSettings { RetentionLimitMs = 60_000 + name.Length }));
        created.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        var listed = await StoreCalls.ListAsync(store);
        run.Check.Equal(Names(created), Names(listed), "the names in a listing");
        for (var i = 0; i < created.Count; i++)
            run.Check.Equal(created[i], listed[i], $"the log '{created[i].Name}' in a listing");
    }

    [Rule(
        "LIST-02",
        "A listing with a prefix has the logs whose names begin with it, ordinal, and may have none.",
        Why = "Names are grouped by their beginnings.",
        Without = "Whoever deletes the logs of one group deletes those of another.")]
    public static async Task LIST_02_a_listing_has_the_names_that_begin_with_its_prefix(StoreRun run)
    {
        var store = await run.OpenAsync();
        foreach (var name in (string[])["audit", "audit.eu", "audit.us", "auditor", "Audit.eu", "orders", "audit_eu"])
            await store.CreateAsync(name);
        (string Prefix, string Expected)[] cases =
        [
            ("audit.", "audit.eu audit.us"), ("audit", "audit audit.eu audit.us audit_eu auditor"), ("Audit", "Audit.eu"), ("l", "log"),
            ("nothing", ""), ("audit%", ""), ("audit.*", ""), ("a_d", ""), ("au it", ""),
        ];
        foreach (var (prefix, expected) in cases)
            run.Check.Equal(expected, await StoreCalls.NamesAsync(store, prefix), $"the logs that begin with '{prefix}'");
    }

    [Rule(
        "LIST-03",
        "A listing beside creations and deletions has each log that exists all the time, once.",
        Why = "Logs are created and deleted at any time.",
        Without = "A log that was there all the time is left out, or is handled twice.")]
    public static async Task LIST_03_a_listing_beside_changes_has_each_lasting_log_once(StoreRun run)
    {
        var store = await run.OpenAsync();
        var lasting = Enumerable.Range(0, 20).Select(i => $"k{i:00}").ToList();
        foreach (var name in lasting)
            await store.CreateAsync(name);
        var (isOver, changed) = (false, 0);
        var changes = Task.Run(async () =>
        {
            for (var i = 0; !Volatile.Read(ref isOver); i++)
            {
                Volatile.Write(ref changed, i);
                await CreationRules.TryCreateAsync(store, $"k{i % 20:00}x");
                await DeletionRules.TryDeleteAsync(store, $"k{(i + 7) % 20:00}x");
                await Task.Yield();
            }
        });
        try
        {
            var rounds = Math.Clamp(run.Harness.RaceRounds / 50, 5, 50);
            for (var round = 0; (round < rounds || Volatile.Read(ref changed) < 10 * rounds) && !changes.IsCompleted; round++)
            {
                var listed = (await StoreCalls.ListAsync(store)).ConvertAll(log => log.Name);
                run.Check.Equal(
                    string.Join(' ', lasting), string.Join(' ', listed.Where(lasting.Contains)), "the logs that existed all the time");
                run.Check.Equal(listed.Distinct().Count(), listed.Count, "the number of names in a listing");
            }
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            await changes;
        }
    }

    [Rule(
        "LIST-04",
        "A store has a thousand logs without mixing them up.",
        Why = "Names are cheap, and users take them at their word.",
        Without = "A store works in a test and not a month later.")]
    public static async Task LIST_04_a_store_has_a_thousand_logs(StoreRun run)
    {
        var store = await run.OpenAsync();
        var count = run.Harness.ManyLogs;
        for (var i = 0; i < count; i++)
        {
            await store.CreateAsync($"log-{i:0000}");
            await using var log = await store.OpenAsync($"log-{i:0000}");
            await log.AppendBatchAsync(Batches.Of($"{i}"));
        }

        var names = Enumerable.Range(0, count).Select(i => $"log-{i:0000}");
        run.Check.Equal(string.Join(' ', names), await StoreCalls.NamesAsync(store, "log-"), "the names of all logs but the default log");
        for (var i = 0; i < count; i++)
        {
            var number = (i * 7919) % count; // in an order in which no log is among those that were used last
            await using var log = await store.OpenAsync($"log-{number:0000}");
            run.Check.Equal(1ul, await log.AppendBatchAsync(Batches.Of("again")), $"the second offset of log {number} of {count}");
            run.Check.Equal($"{number} again", await StoreCalls.TextAsync(log), $"the content of log {number} of {count}");
        }
    }

    private static string Names(IEnumerable<LogInfo> logs) => string.Join(' ', logs.Select(log => log.Name));
}
