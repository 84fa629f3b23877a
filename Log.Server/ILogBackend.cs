namespace LogKit.Server;

/// <summary>A kind of log that the server can serve: what it is called, which settings it reads, and how it is opened.</summary>
/// <example>
/// A server for a log of your own, with everything that the built-in ones have: settings, TLS, access control, limits, metrics and health.
/// <code>
/// return await LogServer.RunAsync(args, new MyBackend());
///
/// internal sealed class MyBackend : ILogBackend
/// {
///     public string Name => "Mine";
///
///     public ValueTask&lt;OpenedLog> OpenAsync(SettingValues settings) => ValueTask.FromResult(new OpenedLog(new MyLog()));
/// }
/// </code>
/// </example>
public interface ILogBackend
{
    /// <summary>Its name, as a value of <c>Log:Backend</c>.</summary>
    string Name { get; }

    /// <summary>
    /// The settings that it reads. Backends that read the same setting share one <see cref="Setting"/>: see <see cref="CommonSettings"/>.
    /// </summary>
    IReadOnlyList<Setting> Settings => [];

    /// <summary>Opens the log. It is called once, before the server listens.</summary>
    /// <param name="settings">The values of <see cref="Settings"/>.</param>
    /// <exception cref="SettingException">
    /// The log cannot be opened; see <see cref="SettingValues.Wrong"/>. The message goes to the standard error, and the server exits with
    /// code 1.
    /// </exception>
    ValueTask<OpenedLog> OpenAsync(SettingValues settings);
}
