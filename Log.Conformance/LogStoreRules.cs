using LogKit.Conformance.Stores;

namespace LogKit.Conformance;

/// <summary>The rules that every <see cref="ILogStore"/> must keep, besides those of <see cref="LogRules"/> for its logs.</summary>
/// <remarks>Each rule is a method of a class in the folder Stores. Run them with a <see cref="LogStoreHarness"/>.</remarks>
public static class LogStoreRules
{
    private static readonly (string Chapter, Type Rules)[] Chapters =
    [
        ("Names", typeof(NamesRules)),
        ("Creation", typeof(CreationRules)),
        ("Deletion", typeof(DeletionRules)),
        ("Isolation", typeof(IsolationRules)),
        ("Listing", typeof(ListingRules)),
        ("Settings", typeof(SettingsRules)),
        ("Stores", typeof(StoreRules)),
    ];

    /// <summary>All rules, by chapter and id.</summary>
    public static IReadOnlyList<LogRule> All { get; } =
    [
        .. Chapters.SelectMany(chapter => LogRules.RulesOf(
            chapter.Chapter,
            chapter.Rules,
            method =>
            {
                var check = method.CreateDelegate<Func<StoreRun, Task>>();
                return run => StoreRun.RunAsync(run, check);
            })),
    ];

    /// <summary>The ids of all rules, for test frameworks that take the cases of a parameterized test from a member.</summary>
    public static IEnumerable<string> Ids => All.Select(rule => rule.Id);

    /// <summary>Gets a rule by its id.</summary>
    /// <param name="id">The id, for example <c>DELETE-02</c>.</param>
    /// <exception cref="ArgumentException">No rule has the id.</exception>
    public static LogRule Get(string id) =>
        Find(id) ?? throw new ArgumentException($"no rule has the id '{id}': LogStoreRules.All has all rules", nameof(id));

    internal static LogRule? Find(string id) => All.FirstOrDefault(rule => rule.Id == id);
}
