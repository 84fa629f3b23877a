namespace LogKit.Server;

/// <summary>A setting is invalid, or what it names cannot be used. Only the message is shown to the operator.</summary>
public sealed class SettingException : Exception
{
    /// <param name="key">The key of the setting, or other input of the operator.</param>
    /// <param name="value">The given value; null if it is secret, or there is none.</param>
    /// <param name="problem">What is wrong and what to do about it, in one line.</param>
    public SettingException(string key, string? value, string problem)
        : base($"{(value is null ? key : $"{key}={value}")}: {problem}")
    {
    }
}
