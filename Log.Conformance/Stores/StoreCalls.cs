namespace LogKit.Conformance.Stores;

/// <summary>The calls of a store, for rules that hold for each of them.</summary>
internal static class StoreCalls
{
    /// <summary>Each call that takes a name.</summary>
    public static IEnumerable<(string Member, Func<Task> Call)> WithName(ILogStore store, string name, CancellationToken token = default) =>
    [
        (nameof(store.OpenAsync), () => store.OpenAsync(name, token).AsTask()),
        (nameof(store.GetAsync), () => store.GetAsync(name, token).AsTask()),
        (nameof(store.UpdateAsync), () => store.UpdateAsync(name, new LogSettings(), token).AsTask()),
        (nameof(store.DeleteAsync), () => store.DeleteAsync(name, token).AsTask()),
        (nameof(store.CreateAsync), () => store.CreateAsync(name, cancellationToken: token).AsTask()),
    ];

    /// <summary>Each call of a store.</summary>
    public static IEnumerable<(string Member, Func<Task> Call)> All(ILogStore store, string name, CancellationToken token = default) =>
        [.. WithName(store, name, token), (nameof(store.ListAsync), () => NamesAsync(store, "", token))];

    /// <summary>Each call of a handle.</summary>
    public static IEnumerable<(string Member, Func<Task> Call)> OfLog(ILog log)
    {
        yield return (nameof(log.AppendBatchAsync), () => log.AppendBatchAsync(Batches.Of("x")).AsTask());
        yield return (nameof(log.ReadBatchAsync), () => log.ReadBatchAsync(0).AsTask());
        yield return (nameof(log.ReadBatchesAsync), () => log.ReadBatchesAsync(0, limitBytes: 1000).AsTask());
        yield return (nameof(log.GetRangeAsync), () => log.GetRangeAsync().AsTask());
        yield return (nameof(log.WaitForAppendAsync), () => log.WaitForAppendAsync(0).AsTask());
        if (log is ITruncatableLog truncatable)
            yield return (nameof(truncatable.TruncateBeforeAsync), () => truncatable.TruncateBeforeAsync(0).AsTask());
    }

    public static async Task<List<LogInfo>> ListAsync(ILogStore store, string prefix = "", CancellationToken token = default)
    {
        var logs = new List<LogInfo>();
        await foreach (var log in store.ListAsync(prefix, token))
            logs.Add(log);
        return logs;
    }

    public static async Task<string> NamesAsync(ILogStore store, string prefix = "", CancellationToken token = default) =>
        string.Join(' ', (await ListAsync(store, prefix, token)).Select(log => log.Name));

    /// <summary>All values of a log that holds one record per batch.</summary>
    public static async Task<string> TextAsync(ILog log)
    {
        var range = await log.GetRangeAsync();
        var values = new List<string>();
        for (var offset = range.StartOffset; offset < range.NextOffset;)
        {
            var batch = await log.ReadBatchAsync(offset);
            values.AddRange(batch.Select(record => $"{record}"));
            offset += (ulong)batch.Count;
        }

        return string.Join(' ', values);
    }
}
