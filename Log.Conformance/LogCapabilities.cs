namespace LogKit.Conformance;

/// <summary>
/// What a harness can do besides opening a log. Declare every capability that it has: rules that need others are skipped, with the reason,
/// and rule HARNESS-01 reports capabilities that are not declared.
/// </summary>
[Flags]
public enum LogCapabilities
{
    /// <summary>No other capability.</summary>
    None = 0,

    /// <summary>
    /// A second client can open an open log, as another process would: <see cref="LogHarness.OpenSecondClientAsync"/>.
    /// </summary>
    SecondClient = 1 << 0,

    /// <summary><see cref="LogHarness.OpenAsync"/> reopens a disposed log with its content.</summary>
    Reopen = 1 << 1,

    /// <summary>
    /// The process or machine can be crashed: <see cref="LogHarness.CrashAsync"/>. Requires <see cref="Reopen"/>.
    /// </summary>
    Crash = 1 << 2,

    /// <summary>
    /// Stored data can be measured, cut, and changed: <see cref="LogHarness.GetStoredBytesAsync"/>, <see cref="LogHarness.CutAsync"/>,
    /// <see cref="LogHarness.FlipByteAsync"/>. Requires <see cref="Reopen"/>.
    /// </summary>
    Damage = 1 << 3,

    /// <summary>
    /// The storage can be made to fail and to recover: <see cref="LogHarness.BreakStorageAsync"/>,
    /// <see cref="LogHarness.HealStorageAsync"/>.
    /// </summary>
    Faults = 1 << 4,

    /// <summary>The log is an <see cref="ITruncatableLog"/>.</summary>
    Truncate = 1 << 5,

    /// <summary>A new log can start at any offset: <see cref="LogHarness.OpenAtAsync"/>.</summary>
    SeededStart = 1 << 6,

    /// <summary>The log refuses batches larger than <see cref="LogHarness.BatchLimitBytes"/>.</summary>
    Limits = 1 << 7,

    /// <summary>
    /// Clients reach the log over connections that can be cut and restored: <see cref="LogHarness.DisconnectAsync"/>,
    /// <see cref="LogHarness.ReconnectAsync"/>.
    /// </summary>
    Disconnect = 1 << 8,
}
