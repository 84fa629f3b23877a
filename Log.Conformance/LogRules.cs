using System.Reflection;
using LogKit.Conformance.Reporting;
using LogKit.Conformance.Rules;
using LogKit.Conformance.Running;

namespace LogKit.Conformance;

/// <summary>The rules that every <see cref="ILog"/> must keep, and the console run.</summary>
/// <remarks>Each rule is a method of a class in the folder Rules.</remarks>
/// <example>
/// The suite under a test framework is one test that runs for each id:
/// <code>
/// var result = await LogRules.Get(id).RunAsync(harness);
/// if (result.IsSkipped)
///     Assert.Skip(result.Message);
/// result.ThrowIfFailed();
/// </code>
/// </example>
public static class LogRules
{
    private static readonly (string Chapter, Type Rules)[] Chapters =
    [
        ("Appending", typeof(AppendingRules)),
        ("Reading", typeof(ReadingRules)),
        ("Bounds", typeof(BoundsRules)),
        ("Atomicity", typeof(AtomicityRules)),
        ("Waiting", typeof(WaitingRules)),
        ("Concurrency", typeof(ConcurrencyRules)),
        ("Cancellation", typeof(CancellationRules)),
        ("Disposal", typeof(DisposalRules)),
        ("Durability", typeof(DurabilityRules)),
        ("Buffers", typeof(BuffersRules)),
        ("Limits", typeof(LimitsRules)),
        ("Resources", typeof(ResourcesRules)),
        ("Truncation", typeof(TruncationRules)),
        ("Network", typeof(NetworkRules)),
        ("Errors", typeof(ErrorsRules)),
        ("Model", typeof(ModelRules)),
        ("Harness", typeof(HarnessRules)),
    ];

    /// <summary>All rules, by chapter and id.</summary>
    public static IReadOnlyList<LogRule> All { get; } =
    [
        .. Chapters.SelectMany(chapter =>
            RulesOf(chapter.Chapter, chapter.Rules, method => method.CreateDelegate<Func<RuleRun, Task>>())),
    ];

    /// <summary>The ids of all rules, for test frameworks that take the cases of a parameterized test from a member.</summary>
    public static IEnumerable<string> Ids => All.Select(rule => rule.Id);

    /// <summary>Gets a rule by its id.</summary>
    /// <param name="id">The id, for example <c>APPEND-01</c>.</param>
    /// <exception cref="ArgumentException">No rule has the id.</exception>
    public static LogRule Get(string id) =>
        Find(id) ?? throw new ArgumentException($"no rule has the id '{id}': LogRules.All has all rules", nameof(id));

    /// <summary>
    /// Runs rules without a test framework, and prints the results to the console. As a program:
    /// <code>return await LogRules.RunAsync(new MyHarness(), args);</code>
    /// </summary>
    /// <param name="harness">Gives access to the logs. It is disposed at the end.</param>
    /// <param name="args">
    /// The rules to run, by ids, beginnings of ids, or chapters; all if there are none. <c>--help</c> shows the options.
    /// </param>
    /// <returns>The exit code: 0 if no rule failed, 1 if one did, 2 if an argument is invalid.</returns>
    public static async Task<int> RunAsync(LogHarness harness, params string[] args)
    {
        ArgumentNullException.ThrowIfNull(harness);
        ArgumentNullException.ThrowIfNull(args);
        await using (harness.ConfigureAwait(false))
        {
            var run = new ConsoleRun(harness, Console.Out, Console.Error, isTerminal: !Console.IsOutputRedirected);
            return await run.RunAsync(args).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Measures logs side by side, one after the other in this process, without judging them: throughput, latency, and allocations of
    /// appends, reads, and waits. A log takes about eight times the duration.
    /// </summary>
    /// <param name="logs">The logs: the heading of its column, and the harness, which this method does not dispose.</param>
    /// <param name="duration">How long each row takes, about; null for one second.</param>
    /// <returns>A Markdown table. The figures are of this machine and moment: compare only what comes from one run.</returns>
    /// <example>
    /// <code>
    /// Console.Write(await LogRules.MeasureAsync([("mine", new MyHarness()), ("SQLite", new SqliteHarness())]));
    /// </code>
    /// </example>
    public static async Task<string> MeasureAsync(IEnumerable<(string Name, LogHarness Harness)> logs, TimeSpan? duration = null)
    {
        ArgumentNullException.ThrowIfNull(logs);
        var sheets = new List<(string, IReadOnlyList<(string, string)>)>();
        foreach (var (name, harness) in logs)
            sheets.Add((name, await PerformanceSheet.MeasureAsync(harness, duration ?? TimeSpan.FromSeconds(1)).ConfigureAwait(false)));
        return sheets.Count > 0 ? PerformanceSheet.Table(sheets) : throw new ArgumentException("there is no log to measure", nameof(logs));
    }

    /// <summary>The rules that a harness is for: those of logs, and those of stores if it is a harness for stores.</summary>
    internal static IReadOnlyList<LogRule> AllOf(LogHarness harness) => harness is LogStoreHarness ? [.. All, .. LogStoreRules.All] : All;

    internal static LogRule? Find(string id) => All.FirstOrDefault(rule => rule.Id == id);

    internal static IEnumerable<LogRule> RulesOf(string chapter, Type rules, Func<MethodInfo, Func<RuleRun, Task>> checkOf) =>
        from method in rules.GetMethods(BindingFlags.Public | BindingFlags.Static)
        let rule = method.GetCustomAttribute<RuleAttribute>()
        where rule is not null
        orderby rule.Id
        select new LogRule(rule, method.Name, chapter, checkOf(method));
}
