using Xunit;

namespace LogKit.Conformance;

/// <summary>
/// How the suite gets at a log of yours. Derive one class, say how to open a log by name, and declare what else your log can do;
/// rules that need more are then skipped, with the reason.
/// </summary>
/// <remarks>It is a class fixture: made once for the class that names it, and disposed after its last rule.</remarks>
public abstract class LogHarness : IAsyncDisposable, IAsyncLifetime
{
    /// <summary>What can be asked of this harness beyond opening a log. The suite asks for nothing that is not declared.</summary>
    public virtual LogCapabilities Capabilities => LogCapabilities.None;

    /// <summary>The largest batch that a log of this harness takes, in bytes of its encoding.</summary>
    public virtual int BatchLimitBytes => RecordBatch.DefaultLimitBytes;

    /// <summary>
    /// How often a race is tried that may go wrong only now and then. A log that is a network away may try less often.
    /// </summary>
    public virtual int RaceRounds => 10_000;

    /// <summary>How long the suite waits for something that must happen before it says that it did not.</summary>
    public virtual TimeSpan Timeout => TimeSpan.FromSeconds(30);

    /// <summary>Opens the log of a name, new and empty at its first opening. The suite disposes what it has opened.</summary>
    /// <param name="name">Letters, digits and dashes; each rule uses names of its own.</param>
    public abstract ValueTask<ILog> OpenAsync(string name);

    /// <summary>Opens another client of a log that is open: for <see cref="LogCapabilities.SecondClient"/>.</summary>
    public virtual ValueTask<ILog> OpenSecondClientAsync(string name) =>
        throw new NotSupportedException($"{GetType().Name} declares {nameof(LogCapabilities.SecondClient)} but does not override {nameof(OpenSecondClientAsync)}");

    /// <summary>Removes what the logs of this harness left behind.</summary>
    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // xunit 2 disposes a fixture through this interface only.
    Task IAsyncLifetime.InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();
}

/// <summary>What a harness can do beyond opening a log.</summary>
[Flags]
public enum LogCapabilities
{
    /// <summary>Nothing else.</summary>
    None = 0,

    /// <summary>A log that is open can be opened a second time, as by another process: <see cref="LogHarness.OpenSecondClientAsync"/>.</summary>
    SecondClient = 1 << 0,
}
