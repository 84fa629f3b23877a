namespace LogKit.Conformance;

/// <summary>
/// What a harness can do beyond opening a log. Declare all that is so: rules that need something else are skipped and say so, and
/// what is there but not declared is reported by rule HARNESS-01.
/// </summary>
[Flags]
public enum LogCapabilities
{
    /// <summary>Nothing else.</summary>
    None = 0,

    /// <summary>
    /// A log that is open can be opened a second time, as by another process: <see cref="LogHarness.OpenSecondClientAsync"/>.
    /// </summary>
    SecondClient = 1 << 0,

    /// <summary>A log that was disposed is opened again by <see cref="LogHarness.OpenAsync"/>, and holds what it held.</summary>
    Reopen = 1 << 1,

    /// <summary>
    /// The process or the machine can be made to die: <see cref="LogHarness.CrashAsync"/>. Needs <see cref="Reopen"/>, too.
    /// </summary>
    Crash = 1 << 2,

    /// <summary>
    /// What is stored can be measured, cut and changed: <see cref="LogHarness.GetStoredBytesAsync"/>, <see cref="LogHarness.CutAsync"/>,
    /// <see cref="LogHarness.FlipByteAsync"/>. Needs <see cref="Reopen"/>, too.
    /// </summary>
    Damage = 1 << 3,

    /// <summary>
    /// The storage can be made to fail, and to work again: <see cref="LogHarness.BreakStorageAsync"/>,
    /// <see cref="LogHarness.HealStorageAsync"/>.
    /// </summary>
    Faults = 1 << 4,

    /// <summary>The log is an <see cref="ITruncatableLog"/>.</summary>
    Truncate = 1 << 5,

    /// <summary>A new log can be opened that begins at any offset: <see cref="LogHarness.OpenAtAsync"/>.</summary>
    SeededStart = 1 << 6,

    /// <summary>The log refuses batches of more than <see cref="LogHarness.BatchLimitBytes"/>.</summary>
    Limits = 1 << 7,
}
