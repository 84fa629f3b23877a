namespace LogKit.Server;

/// <summary>The values of the settings of the server.</summary>
public sealed class SettingValues
{
    private readonly Dictionary<Setting, (string Text, object? Value)> _given = [];

    internal SettingValues()
    {
    }

    /// <summary>The value of a setting, or its default.</summary>
    /// <typeparam name="T">The type of its value.</typeparam>
    public T Get<T>(Setting<T> setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        return _given.TryGetValue(setting, out var given) ? (T)given.Value! : setting.DefaultValue;
    }

    /// <summary>Makes an error that names a setting, its given value (unless it is secret), and a problem.</summary>
    /// <param name="setting">The setting.</param>
    /// <param name="problem">What is wrong and what to do about it, in one line.</param>
    public SettingException Wrong(Setting setting, string problem)
    {
        ArgumentNullException.ThrowIfNull(setting);
        return new SettingException(setting.Key, setting.IsSecret ? null : TextOf(setting), problem);
    }

    /// <summary>The value of a setting as text, or its default.</summary>
    internal string TextOf(Setting setting) => _given.TryGetValue(setting, out var given) ? given.Text : setting.Default;

    /// <exception cref="SettingException">The value is not allowed.</exception>
    internal void Add(Setting setting, string? text)
    {
        if (text is null || !setting.TryParse(text, out var value))
            throw new SettingException(setting.Key, setting.IsSecret ? null : text ?? "", $"must be {setting.Allowed}");
        _given[setting] = (text, value);
    }
}
