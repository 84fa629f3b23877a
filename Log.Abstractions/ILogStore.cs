namespace LogKit;

/// <summary>
/// Logs by name. Nothing is created automatically, except the log <see cref="LogNames.Default"/>, which always exists.
/// </summary>
/// <remarks>
/// <para>Every implementation gives the same guarantees, which <c>LogKit.Conformance</c> checks:</para>
/// <list type="bullet">
/// <item>A log has a name, by which callers find it, and an id, which is new for each log that is created. A handle refers to the id: once
/// the log is deleted, every call on the handle fails with <see cref="LogDeletedException"/>, forever, even if another log is created under
/// the name.</item>
/// <item>Creation, change, and deletion of a log are atomic, and durable if the logs are. Operations on a store are linearizable.</item>
/// <item>Logs do not affect each other: neither their content, nor their waits, nor their failures.</item>
/// <item>Members may be called concurrently. A call whose token is already canceled has no effect.</item>
/// <item>Disposing the store disposes all handles. Afterward, every member throws <see cref="ObjectDisposedException"/>. Disposing again
/// does nothing.</item>
/// <item>The only exceptions are <see cref="LogException"/>, <see cref="ArgumentException"/>, classes derived from these,
/// <see cref="OperationCanceledException"/>, and <see cref="ObjectDisposedException"/>.</item>
/// </list>
/// <para>How many logs are open at a time, and when, is up to the store. Callers cannot tell.</para>
/// </remarks>
/// <example>
/// <code>
/// await using ILogStore store = new InMemoryLogStore();
/// await store.CreateAsync("orders");
/// await using var orders = await store.OpenAsync("orders");
/// await orders.AppendBatchAsync(RecordBatch.OfText("first"));
/// </code>
/// </example>
public interface ILogStore : IAsyncDisposable
{
    /// <summary>Opens a log that exists.</summary>
    /// <param name="name">The name of the log.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>
    /// A handle, which the caller disposes. That releases the handle, ends its pending waits, and has no effect on others. It is an
    /// <see cref="ITruncatableLog"/> if the logs of the store can be truncated.
    /// </returns>
    /// <exception cref="LogNameException">It is not a name.</exception>
    /// <exception cref="LogNotFoundException">No log has the name.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<ILog> OpenAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Creates an empty log with a new id.</summary>
    /// <param name="name">The name of the log.</param>
    /// <param name="settings">The settings; those of the store if null.</param>
    /// <param name="cancellationToken">Cancels the call. The log was either created or it was not.</param>
    /// <exception cref="LogNameException">It is not a name.</exception>
    /// <exception cref="LogExistsException">Another log has the name.</exception>
    /// <exception cref="LogLimitException">The store holds as many logs as it may.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is out of range.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached, or cannot hold the log. Nothing has changed.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<LogInfo> CreateAsync(string name, LogSettings? settings = null, CancellationToken cancellationToken = default);

    /// <summary>Gets the id and the settings of a log.</summary>
    /// <param name="name">The name of the log.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="LogNameException">It is not a name.</exception>
    /// <exception cref="LogNotFoundException">No log has the name.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<LogInfo> GetAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>Replaces the settings of a log.</summary>
    /// <param name="name">The name of the log.</param>
    /// <param name="settings">All settings. <see cref="LogSettings.StartOffset"/> must be the one that the log was created with.</param>
    /// <param name="cancellationToken">Cancels the call. The settings were either replaced or they were not.</param>
    /// <returns>The log as it now is.</returns>
    /// <exception cref="LogNameException">It is not a name.</exception>
    /// <exception cref="LogNotFoundException">No log has the name.</exception>
    /// <exception cref="ArgumentException">A setting is out of range, or cannot be changed. Nothing has changed.</exception>
    /// <exception cref="LogUnavailableException">
    /// The storage cannot be reached, or cannot record the settings. Nothing has changed.
    /// </exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask<LogInfo> UpdateAsync(string name, LogSettings settings, CancellationToken cancellationToken = default);

    /// <summary>
    /// Deletes a log and its records. Handles, waits, and tails of it end with <see cref="LogDeletedException"/>. Its name can be used
    /// again at once. A call that meets the deletion may fail with <see cref="LogUnavailableException"/> instead.
    /// </summary>
    /// <param name="name">The name of the log; not <see cref="LogNames.Default"/>.</param>
    /// <param name="cancellationToken">Cancels the call. The log was either deleted or it was not.</param>
    /// <exception cref="LogNameException">It is not a name.</exception>
    /// <exception cref="LogNotFoundException">No log has the name.</exception>
    /// <exception cref="DefaultLogException">It is the default log.</exception>
    /// <exception cref="LogUnavailableException">The storage cannot be reached. Nothing has changed.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    ValueTask DeleteAsync(string name, CancellationToken cancellationToken = default);

    /// <summary>
    /// Lists the logs whose names begin with a prefix, ordered by name (ordinal). Includes each log that exists during the whole listing,
    /// once, and may include those that are created or deleted meanwhile.
    /// </summary>
    /// <param name="prefix">The beginning of the names, which does not have to be a name.</param>
    /// <param name="cancellationToken">Cancels the listing.</param>
    /// <exception cref="LogUnavailableException">The storage cannot be reached.</exception>
    /// <exception cref="OperationCanceledException">Carries <paramref name="cancellationToken"/>.</exception>
    IAsyncEnumerable<LogInfo> ListAsync(string prefix = "", CancellationToken cancellationToken = default);
}

/// <summary>A log of a store.</summary>
/// <param name="Name">The name.</param>
/// <param name="Id">The id, which no other log has, not even a later one with the same name.</param>
/// <param name="Settings">The settings.</param>
public sealed record LogInfo(string Name, Guid Id, LogSettings Settings);

/// <summary>The settings of a log of a store.</summary>
public sealed record LogSettings
{
    /// <summary>
    /// The most disk space that the records may use, in bytes, before the oldest are deleted. Null: the default of the store. Logs that are
    /// not on disk keep the setting and ignore it.
    /// </summary>
    public long? RetentionLimitBytes { get; init; }

    /// <summary>
    /// How long records are kept at least, in milliseconds. Null: the default of the store. Logs that are not on disk keep the setting and
    /// ignore it.
    /// </summary>
    public long? RetentionLimitMs { get; init; }

    /// <summary>The offset of the first record, as for a log that has been truncated. At most 2⁶³. It cannot be changed.</summary>
    public ulong StartOffset { get; init; }

    /// <summary>For implementations of <see cref="ILogStore"/>: checks the settings of a log.</summary>
    /// <param name="settings">The settings that a caller asks for.</param>
    /// <param name="current">The settings that the log has; null if it is to be created.</param>
    /// <exception cref="ArgumentException">A setting is out of range, or cannot be changed.</exception>
    public static void Validate(LogSettings settings, LogSettings? current = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.RetentionLimitBytes ?? 1, nameof(RetentionLimitBytes));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(settings.RetentionLimitMs ?? 1, nameof(RetentionLimitMs));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(settings.StartOffset, 1ul << 63, nameof(StartOffset));
        if (current is not null && settings.StartOffset != current.StartOffset)
            throw new ArgumentException(
                $"the start offset of a log cannot be changed: it is {current.StartOffset}, not {settings.StartOffset}", nameof(settings));
    }
}
