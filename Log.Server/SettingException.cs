namespace LogKit.Server;

/// <summary>A setting is wrong, or what it names cannot be used. The message is for the operator, and all that is shown.</summary>
public sealed class SettingException : Exception
{
    /// <param name="key">The setting's key, or whatever else the operator gave.</param>
    /// <param name="value">The value that it was given; null if that is secret or there is none.</param>
    /// <param name="problem">What is wrong, in one line, with what to do about it.</param>
    public SettingException(string key, string? value, string problem)
        : base($"{(value is null ? key : $"{key}={value}")}: {problem}")
    {
    }
}
