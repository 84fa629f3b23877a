namespace LogKit.Conformance.Stores;

/// <summary>The rules NAME-xx: which texts are names, and which log a name means.</summary>
internal static class NamesRules
{
    private const string Longest =
        "Z123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        + "a-._56789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789Z";

    [Rule(
        "NAME-01",
        "Every text of 1 to 200 characters of `A-Z a-z 0-9 . _ -` that begins with a letter or a digit is a name.",
        Why = "Whoever moves logs from one store to another keeps their names.",
        Without = "A name that one store accepts is refused, or means another log, in the next.")]
    public static async Task NAME_01_every_name_of_the_contract_can_be_used(StoreRun run)
    {
        var store = await run.OpenAsync();
        string[] names = ["a", "Z", "0", "9-", "a.", "a_", "a..b", "con", "NUL", "com1.txt", "LOG", "logs", "x.deleted", Longest];
        foreach (var name in names)
        {
            run.Check.Equal(name, (await store.CreateAsync(name)).Name, "the name of the log that was created");
            await using var log = await store.OpenAsync(name);
            await log.AppendBatchAsync(Batches.Of(name));
        }

        foreach (var name in names)
        {
            await using var log = await store.OpenAsync(name);
            run.Check.Equal(name, await StoreCalls.TextAsync(log), $"the content of the log '{name}'");
        }
    }

    [Rule(
        "NAME-02",
        "Every call refuses a text that is not a name with `LogNameException`, before it does anything.",
        Why = "A name becomes a part of paths, of lists of rights, and of lines in a journal.",
        Without = "A caller reaches a file outside the store.")]
    public static async Task NAME_02_what_is_not_a_name_is_refused_by_every_call(StoreRun run)
    {
        var store = await run.OpenAsync();
        string[] texts =
        [
            "", " ", ".", "..", "../log", ".hidden", "-option", "_", "a/b", "a\\b", "a b", "a\0", "a\n", "a:b", "a*", "\u00e4", "a\u0301",
            "\u0430", "a~", Longest + "1",
        ];
        foreach (var text in texts)
        {
            foreach (var (member, call) in StoreCalls.WithName(store, text))
                await run.Check.ThrowsAsync<LogNameException>(call, $"{member} of '{text}'");
        }

        run.Check.Equal(LogNames.Default, await StoreCalls.NamesAsync(store), "the logs after names that were refused");
    }

    [Rule(
        "NAME-03",
        "Names that differ only in case are the names of different logs.",
        Why = "A name means the same log on every file system, and in every database.",
        Without = "Two teams write to one log when the store moves to another machine.")]
    public static async Task NAME_03_names_that_differ_in_case_are_different(StoreRun run)
    {
        var store = await run.OpenAsync();
        string[] names = ["orders", "Orders", "ORDERS", "orderS"];
        foreach (var name in names)
        {
            await store.CreateAsync(name);
            await using var log = await store.OpenAsync(name);
            await log.AppendBatchAsync(Batches.Of(name));
        }

        await store.DeleteAsync("ORDERS");
        foreach (var name in names.Where(name => name != "ORDERS"))
        {
            await using var log = await store.OpenAsync(name);
            run.Check.Equal(name, await StoreCalls.TextAsync(log), $"the content of the log '{name}'");
        }

        await run.Check.ThrowsAsync<LogNotFoundException>(() => store.OpenAsync("ORDERS").AsTask(), "opening the log that was deleted");
    }

    [Rule(
        "NAME-04",
        "Every store has the log `log`, which is there from the start and is an ordinary log.",
        Why = "A client that names no log means this one.",
        Without = "Clients that know of one log only do not work.")]
    public static async Task NAME_04_the_default_log_is_always_there(StoreRun run)
    {
        var store = await run.OpenAsync();
        run.Check.Equal(LogNames.Default, await StoreCalls.NamesAsync(store), "the logs of a new store");
        run.Check.Equal(LogNames.Default, (await store.GetAsync(LogNames.Default)).Name, "the name of the default log");
        await using var log = await store.OpenAsync(LogNames.Default);
        run.Check.Equal(0ul, await log.AppendBatchAsync(Batches.Of("a")), "the first offset of the default log");
        run.Check.Equal("a", await StoreCalls.TextAsync(log), "the content of the default log");
    }
}
