using System.Runtime.CompilerServices;
using Xunit;

namespace LogKit.Conformance;

/// <summary>
/// How the suite gets at a log of yours. Derive one class, say how to open a log by name, and declare what else your log can do;
/// rules that need more are then skipped, with the reason.
/// </summary>
/// <remarks>
/// It is a class fixture: made once for the class that names it, and disposed after its last rule. Every call names a log; each
/// rule uses names of its own. No method is called twice at the same time for one name.
/// </remarks>
public abstract class LogHarness : IAsyncDisposable, IAsyncLifetime
{
    /// <summary>What can be asked of this harness beyond opening a log. The suite asks for nothing that is not declared.</summary>
    public virtual LogCapabilities Capabilities => LogCapabilities.None;

    /// <summary>
    /// Why no rule can be run here: what the log needs (a server, a device) is not on this machine. The rules are then skipped, with
    /// this reason. Null, the default, is that they can.
    /// </summary>
    public virtual string? ReasonToSkip => null;

    /// <summary>
    /// The largest batch that a log of this harness takes, in bytes of its encoding. With <see cref="LogCapabilities.Limits"/> one byte
    /// more is refused; without it this is the largest batch that the suite appends.
    /// </summary>
    public virtual int BatchLimitBytes => RecordBatch.DefaultLimitBytes;

    /// <summary>
    /// How often a race is tried that may go wrong only now and then; what else is repeated is repeated in proportion. A log that is a
    /// network away may try less often.
    /// </summary>
    public virtual int RaceRounds => 10_000;

    /// <summary>How long the suite waits for something that must happen before it says that it did not.</summary>
    public virtual TimeSpan Timeout => TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the suite watches something that must not happen before it says that it did not. A sound log passes however short it is.
    /// </summary>
    public virtual TimeSpan Patience => TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Opens the log of a name: new and empty the first time; later, with <see cref="LogCapabilities.Reopen"/>, with what it holds. The
    /// suite disposes what it has opened.
    /// </summary>
    /// <param name="name">Letters, digits and dashes.</param>
    public abstract ValueTask<ILog> OpenAsync(string name);

    /// <summary>Opens another client of a log that is open: for <see cref="LogCapabilities.SecondClient"/>.</summary>
    /// <param name="name">The name that <see cref="OpenAsync"/> got.</param>
    public virtual ValueTask<ILog> OpenSecondClientAsync(string name) => throw NotOverridden(LogCapabilities.SecondClient);

    /// <summary>Opens a new log whose first record gets a given offset: for <see cref="LogCapabilities.SeededStart"/>.</summary>
    /// <param name="name">A name that was not opened before.</param>
    /// <param name="startOffset">The offset of the first record.</param>
    public virtual ValueTask<ILog> OpenAtAsync(string name, ulong startOffset) => throw NotOverridden(LogCapabilities.SeededStart);

    /// <summary>
    /// The process, or better the machine, that has the log dies now, whatever it is doing: for <see cref="LogCapabilities.Crash"/>. What
    /// was not durable may be lost. Called again, or after <see cref="CrashSoonAsync"/> has struck, it does no more.
    /// </summary>
    /// <remarks>
    /// Calls in flight may end in any way a log's calls can. Afterwards the suite disposes the dead objects, whatever they throw, and
    /// opens the log again by <see cref="OpenAsync"/>.
    /// </remarks>
    /// <param name="name">A log that is open.</param>
    public virtual ValueTask CrashAsync(string name) => throw NotOverridden(LogCapabilities.Crash);

    /// <summary>
    /// The same, but in the middle of one of the next steps (writes, flushes and so on) that the log takes: for harnesses that can do
    /// so, which finds far more. Others need not override it: the suite then crashes logs in the middle of appends by chance.
    /// </summary>
    /// <param name="name">A log that is open.</param>
    /// <param name="steps">How many steps still succeed before the one that is struck.</param>
    /// <returns>Whether it will happen.</returns>
    public virtual ValueTask<bool> CrashSoonAsync(string name, int steps) => ValueTask.FromResult(false);

    /// <summary>
    /// How many bytes the records of a log that is not open take where they are stored: for <see cref="LogCapabilities.Damage"/>.
    /// </summary>
    /// <param name="name">A log that was disposed or has crashed.</param>
    public virtual ValueTask<long> GetStoredBytesAsync(string name) => throw NotOverridden(LogCapabilities.Damage);

    /// <summary>
    /// Leaves only the first bytes of what is stored, as a crash in the middle of writing the last batch does. Whatever else says
    /// that more was whole (a mark, a count) is undone as well. For <see cref="LogCapabilities.Damage"/>.
    /// </summary>
    /// <param name="name">A log that has crashed.</param>
    /// <param name="length">How many of <see cref="GetStoredBytesAsync"/> are left.</param>
    public virtual ValueTask CutAsync(string name, long length) => throw NotOverridden(LogCapabilities.Damage);

    /// <summary>Inverts a byte of what is stored, as a device that goes bad does: for <see cref="LogCapabilities.Damage"/>.</summary>
    /// <param name="name">A log that was disposed.</param>
    /// <param name="position">From 0 to less than <see cref="GetStoredBytesAsync"/>.</param>
    public virtual ValueTask FlipByteAsync(string name, long position) => throw NotOverridden(LogCapabilities.Damage);

    /// <summary>From now on whatever the log writes fails: for <see cref="LogCapabilities.Faults"/>.</summary>
    /// <param name="name">A log that is open.</param>
    public virtual ValueTask BreakStorageAsync(string name) => throw NotOverridden(LogCapabilities.Faults);

    /// <summary>The storage works again: for <see cref="LogCapabilities.Faults"/>.</summary>
    /// <param name="name">A log whose storage was broken.</param>
    public virtual ValueTask HealStorageAsync(string name) => throw NotOverridden(LogCapabilities.Faults);

    /// <summary>Removes a log that is not open and will not be opened again. Nothing need be done here.</summary>
    /// <param name="name">A log that was disposed or has crashed.</param>
    public virtual ValueTask RemoveAsync(string name) => ValueTask.CompletedTask;

    /// <summary>Removes what the logs of this harness left behind.</summary>
    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The seeds of a random rule, where it is not the environment that says.</summary>
    internal virtual IEnumerable<int> SeedsOf(int count) => Running.Seeds.Of(count);

    // xunit 2 disposes a fixture through this interface only.
    Task IAsyncLifetime.InitializeAsync() => Task.CompletedTask;

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    private NotSupportedException NotOverridden(LogCapabilities capability, [CallerMemberName] string method = "") =>
        new($"{GetType().Name} declares {capability} but does not override {method}");
}
