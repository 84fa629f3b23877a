// A verification that runs when it is awaited, or returned as a Task; until then its settings may be changed.
using System.Runtime.CompilerServices;

namespace VerifyTests;

public class SettingsTask
{
    private readonly VerifySettings _settings;
    private readonly Func<VerifySettings, Task> _verify;
    private Task? _task;

    internal SettingsTask(VerifySettings? settings, Func<VerifySettings, Task> verify)
    {
        _settings = settings ?? new VerifySettings();
        _verify = verify;
    }

    public static implicit operator Task(SettingsTask settingsTask) => settingsTask.ToTask();

    /// <summary>The arguments of the test method, from the first on; they become part of the file's name.</summary>
    public SettingsTask UseParameters(params object?[] parameters)
    {
        _settings.UseParameters(parameters);
        return this;
    }

    public Task ToTask() => _task ??= _verify(_settings);

    public ConfiguredTaskAwaitable ConfigureAwait(bool continueOnCapturedContext) => ToTask().ConfigureAwait(continueOnCapturedContext);

    public TaskAwaiter GetAwaiter() => ToTask().GetAwaiter();
}
