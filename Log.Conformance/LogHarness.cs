using System.Runtime.CompilerServices;

namespace LogKit.Conformance;

/// <summary>
/// Gives the suite access to your log. Derive a class, implement how to open a log by name, and declare what else your log can do. Rules
/// that need other capabilities are skipped, with the reason.
/// </summary>
/// <remarks>
/// One harness serves all rules and is disposed after the last one. Every call names a log, and each rule uses its own names. No method is
/// called concurrently for the same name.
/// </remarks>
public abstract class LogHarness : IAsyncDisposable, IDisposable
{
    /// <summary>The capabilities of this harness. The suite uses no other.</summary>
    public virtual LogCapabilities Capabilities => LogCapabilities.None;

    /// <summary>
    /// Why no rule can run here, for example because a server that the log needs is not installed. All rules are then skipped, with this
    /// reason. Null, the default, means that they can run.
    /// </summary>
    public virtual string? ReasonToSkip => null;

    /// <summary>The rules that the log breaks knowingly: see <see cref="KnownDeviation"/>. None by default.</summary>
    public virtual IReadOnlyList<KnownDeviation> Deviations => [];

    /// <summary>
    /// The largest batch that the log accepts, in bytes of its encoding. With <see cref="LogCapabilities.Limits"/>, one byte more is
    /// refused; without it, this is the largest batch that the suite appends.
    /// </summary>
    public virtual int BatchLimitBytes => RecordBatch.DefaultLimitBytes;

    /// <summary>
    /// How often to repeat a race that fails only occasionally. Other repetitions are in proportion. Use less for a log across a network.
    /// </summary>
    public virtual int RaceRounds => 10_000;

    /// <summary>How long the suite waits for something that must happen before it reports that it did not.</summary>
    public virtual TimeSpan Timeout => TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the suite watches for something that must not happen. A correct log passes however short this is.
    /// </summary>
    public virtual TimeSpan Patience => TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Opens the log with a name: new and empty the first time; later, with <see cref="LogCapabilities.Reopen"/>, with its content. The
    /// suite disposes every log that it opens.
    /// </summary>
    /// <param name="name">The name, which consists of letters, digits, and dashes.</param>
    public abstract ValueTask<ILog> OpenAsync(string name);

    /// <summary>Opens another client of an open log. For <see cref="LogCapabilities.SecondClient"/>.</summary>
    /// <param name="name">The name passed to <see cref="OpenAsync"/>.</param>
    public virtual ValueTask<ILog> OpenSecondClientAsync(string name) => throw NotOverridden(LogCapabilities.SecondClient);

    /// <summary>Opens a new log whose first record gets a given offset. For <see cref="LogCapabilities.SeededStart"/>.</summary>
    /// <param name="name">A name that has not been opened before.</param>
    /// <param name="startOffset">The offset of the first record.</param>
    public virtual ValueTask<ILog> OpenAtAsync(string name, ulong startOffset) => throw NotOverridden(LogCapabilities.SeededStart);

    /// <summary>
    /// Crashes the process or, better, the machine of the log immediately, whatever it is doing. For <see cref="LogCapabilities.Crash"/>.
    /// Data that is not durable may be lost. Does nothing if the log has already crashed, also because of <see cref="CrashSoonAsync"/>.
    /// </summary>
    /// <remarks>
    /// Calls in flight may end in any way that calls of a log can. The suite then disposes the crashed objects, ignoring exceptions, and
    /// reopens the log with <see cref="OpenAsync"/>.
    /// </remarks>
    /// <param name="name">The name of an open log.</param>
    public virtual ValueTask CrashAsync(string name) => throw NotOverridden(LogCapabilities.Crash);

    /// <summary>
    /// Arranges for a crash in the middle of one of the next steps (writes, flushes, and so on) of the log. Override it if the harness can,
    /// because it finds far more. Otherwise, the suite crashes logs in the middle of appends by chance.
    /// </summary>
    /// <param name="name">The name of an open log.</param>
    /// <param name="steps">The number of steps that succeed before the crash.</param>
    /// <returns>Whether the crash will happen.</returns>
    public virtual ValueTask<bool> CrashSoonAsync(string name, int steps) => ValueTask.FromResult(false);

    /// <summary>
    /// Gets the number of stored bytes of the records of a log that is not open. For <see cref="LogCapabilities.Damage"/>.
    /// </summary>
    /// <param name="name">The name of a log that was disposed or has crashed.</param>
    public virtual ValueTask<long> GetStoredBytesAsync(string name) => throw NotOverridden(LogCapabilities.Damage);

    /// <summary>
    /// Cuts off stored data, as a crash in the middle of writing the last batch does. Anything else that says that more was complete (a
    /// marker, a count) is undone as well. For <see cref="LogCapabilities.Damage"/>.
    /// </summary>
    /// <param name="name">The name of a log that has crashed.</param>
    /// <param name="length">The number of bytes to keep, less than <see cref="GetStoredBytesAsync"/>.</param>
    public virtual ValueTask CutAsync(string name, long length) => throw NotOverridden(LogCapabilities.Damage);

    /// <summary>Inverts a stored byte, as a failing device does. For <see cref="LogCapabilities.Damage"/>.</summary>
    /// <param name="name">The name of a log that was disposed.</param>
    /// <param name="position">The position of the byte, from 0 to less than <see cref="GetStoredBytesAsync"/>.</param>
    public virtual ValueTask FlipByteAsync(string name, long position) => throw NotOverridden(LogCapabilities.Damage);

    /// <summary>Makes all writes of the log fail from now on. For <see cref="LogCapabilities.Faults"/>.</summary>
    /// <param name="name">The name of an open log.</param>
    public virtual ValueTask BreakStorageAsync(string name) => throw NotOverridden(LogCapabilities.Faults);

    /// <summary>Makes the storage work again. For <see cref="LogCapabilities.Faults"/>.</summary>
    /// <param name="name">The name of a log whose storage fails.</param>
    public virtual ValueTask HealStorageAsync(string name) => throw NotOverridden(LogCapabilities.Faults);

    /// <summary>
    /// Cuts the connections between a log and its clients, and refuses new ones until <see cref="ReconnectAsync"/>. The log and its storage
    /// are not affected. For <see cref="LogCapabilities.Disconnect"/>.
    /// </summary>
    /// <param name="name">The name of an open log.</param>
    public virtual ValueTask DisconnectAsync(string name) => throw NotOverridden(LogCapabilities.Disconnect);

    /// <summary>Lets clients connect again. For <see cref="LogCapabilities.Disconnect"/>.</summary>
    /// <param name="name">The name of a log whose connections are cut.</param>
    public virtual ValueTask ReconnectAsync(string name) => throw NotOverridden(LogCapabilities.Disconnect);

    /// <summary>Removes a log that is not open and will not be opened again. Does nothing by default.</summary>
    /// <param name="name">The name of a log that was disposed or has crashed.</param>
    public virtual ValueTask RemoveAsync(string name) => ValueTask.CompletedTask;

    /// <summary>Removes what the logs of this harness left behind.</summary>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>Whether rules run under a single-threaded synchronization context.</summary>
    internal virtual bool IsSingleThreaded => Running.SingleThread.IsRequested;

    /// <summary>The seeds of a random rule, unless the environment sets one.</summary>
    internal virtual IEnumerable<int> SeedsOf(int count) => Running.Seeds.Of(count);

    /// <summary>The same as <see cref="DisposeAsync"/>, for test frameworks that do not dispose asynchronously.</summary>
    public void Dispose()
    {
        Task.Run(() => DisposeAsync().AsTask()).GetAwaiter().GetResult(); // away from the context of the framework
        GC.SuppressFinalize(this);
    }

    private NotSupportedException NotOverridden(LogCapabilities capability, [CallerMemberName] string method = "") =>
        new($"{GetType().Name} declares {capability} but does not override {method}");
}
