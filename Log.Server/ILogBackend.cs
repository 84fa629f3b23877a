namespace LogKit.Server;

/// <summary>A kind of log that the server can serve: its name, its settings, and how to open it.</summary>
/// <example>
/// A server for a log of your own, with everything that the built-in backends have: settings, TLS, access control, limits, metrics, and
/// health. <code> return await LogServer.RunAsync(args, new MyBackend());
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
    /// <summary>The name, which is a value of <c>Log:Backend</c>.</summary>
    string Name { get; }

    /// <summary>
    /// The settings of the backend. Backends with the same setting share one <see cref="Setting"/>: see <see cref="CommonSettings"/>.
    /// </summary>
    IReadOnlyList<Setting> Settings => [];

    /// <summary>Opens the log. Called once, before the server listens.</summary>
    /// <param name="settings">The values of <see cref="Settings"/>.</param>
    /// <exception cref="SettingException">
    /// The log cannot be opened; see <see cref="SettingValues.Wrong"/>. The server writes the message to standard error and exits with code
    /// 1.
    /// </exception>
    ValueTask<OpenedLog> OpenAsync(SettingValues settings);
}
