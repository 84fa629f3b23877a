namespace LogKit.Client;

/// <summary>The server does not know who calls, or does not let the caller do this. Nothing was stored.</summary>
/// <param name="message">The server's words.</param>
/// <param name="innerException">The failed call.</param>
public sealed class LogAccessException(string message, Exception? innerException = null) : LogException(message, innerException);
