using System.Collections.Concurrent;
using LogKit.Conformance;

namespace LogKit.Tests.Conformance.Broken;

/// <summary>A broken log, and the rule that must detect it.</summary>
/// <param name="Name">A description of what it does wrong.</param>
/// <param name="Rule">The rule that must detect it.</param>
/// <param name="Break">Makes the broken log from a correct one.</param>
/// <param name="Flaw">The flaw of its storage.</param>
/// <param name="Second">Makes a second client of the correct log and the broken one, if that is what is broken.</param>
/// <param name="Connect">Makes the client that reaches the log over a link that can be cut, if that is what is broken.</param>
/// <param name="Undeclared">Capabilities that its harness does not declare.</param>
/// <param name="Ineffective">Capabilities that its harness declares, but whose methods do nothing.</param>
/// <param name="Races">Whether only concurrent calls reveal the flaw, so that other rules detect it by chance.</param>
internal sealed record Mutant(
    string Name,
    string Rule,
    Func<ITruncatableLog, ITruncatableLog>? Break = null,
    Flaw Flaw = Flaw.None,
    Func<ITruncatableLog, ITruncatableLog, ILog>? Second = null,
    Func<ITruncatableLog, Link, ITruncatableLog>? Connect = null,
    LogCapabilities Undeclared = LogCapabilities.None,
    LogCapabilities Ineffective = LogCapabilities.None,
    bool Races = false);

/// <summary>Opens broken logs, quickly and with all capabilities.</summary>
internal class BrokenHarness(Mutant mutant) : LogHarness
{
    private readonly ConcurrentDictionary<string, Store> _stores = [];
    private readonly ConcurrentDictionary<string, Link> _links = [];
    private readonly ConcurrentDictionary<string, (ITruncatableLog Sound, ITruncatableLog Broken)> _open = [];

    public override LogCapabilities Capabilities =>
        Enum.GetValues<LogCapabilities>().Aggregate((all, one) => all | one) & ~mutant.Undeclared;

    public override int BatchLimitBytes => StoredLog.BatchLimitBytes;

    public override int RaceRounds => 100;

    public override TimeSpan Timeout => TimeSpan.FromSeconds(3);

    public override TimeSpan Patience => TimeSpan.FromMilliseconds(20);

    // What finds which broken log must not depend on the environment.
    internal override IEnumerable<int> SeedsOf(int count) => Enumerable.Range(1, count);

    public override ValueTask<ILog> OpenAsync(string name) => OpenAtAsync(name, 0);

    public override async ValueTask<ILog> OpenAtAsync(string name, ulong startOffset)
    {
        var sound = await StoredLog.OpenAsync(_stores.GetOrAdd(name, _ => new Store(startOffset)), mutant.Flaw);
        var broken = mutant.Break is { } make ? make(sound) : sound;
        if (mutant.Connect is { } connect)
            broken = connect(broken, _links[name] = new Link());
        _open[name] = (sound, broken);
        return broken;
    }

    public override ValueTask<ILog> OpenSecondClientAsync(string name)
    {
        var (sound, broken) = _open[name];
        return ValueTask.FromResult(mutant.Second is { } make ? make(sound, broken) : new SecondClient(broken));
    }

    public override ValueTask CrashAsync(string name) => Do(LogCapabilities.Crash, () => _stores[name].Crash());

    public override async ValueTask<bool> CrashSoonAsync(string name, int steps)
    {
        await Do(LogCapabilities.Crash, () => _stores[name].CrashSoon(steps));
        return true;
    }

    public override ValueTask<long> GetStoredBytesAsync(string name)
    {
        _stores[name].Recover();
        return ValueTask.FromResult<long>(StoredLog.StoredBytesOf(_stores[name]));
    }

    public override ValueTask CutAsync(string name, long length) => Do(LogCapabilities.Damage, () => _stores[name].Cut((int)length));

    public override ValueTask FlipByteAsync(string name, long position) =>
        Do(LogCapabilities.Damage, () => _stores[name].Flip((int)position));

    public override ValueTask BreakStorageAsync(string name) => Do(LogCapabilities.Faults, () => _stores[name].IsBroken = true);

    public override ValueTask HealStorageAsync(string name) => Do(LogCapabilities.Faults, () => _stores[name].IsBroken = false);

    public override ValueTask DisconnectAsync(string name) => Do(LogCapabilities.Disconnect, () => _links.GetValueOrDefault(name)?.Cut());

    public override ValueTask ReconnectAsync(string name) => Do(LogCapabilities.None, () => _links.GetValueOrDefault(name)?.Restore());

    public override ValueTask RemoveAsync(string name) => Do(LogCapabilities.None, () =>
    {
        _stores.TryRemove(name, out _);
        _open.TryRemove(name, out _);
    });

    private ValueTask Do(LogCapabilities capability, Action action)
    {
        if (capability is LogCapabilities.None || !mutant.Ineffective.HasFlag(capability))
            action();
        return ValueTask.CompletedTask;
    }
}
