namespace LogKit.Client;

/// <summary>The caller is not authenticated, or not permitted to do this. Nothing was stored.</summary>
/// <param name="message">The message from the server.</param>
/// <param name="innerException">The failed call.</param>
public sealed class LogAccessException(string message, Exception? innerException = null) : LogException(message, innerException);
