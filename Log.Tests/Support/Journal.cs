using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LogKit.Tests.Support;

/// <summary>Records the warnings and errors of a server under test, so that a test can fail on unexpected ones.</summary>
internal sealed class Journal : ILoggerProvider
{
    private readonly ConcurrentQueue<string> _entries = [];

    public IReadOnlyCollection<string> Entries => _entries;

    public ILogger CreateLogger(string categoryName) => new Writer(this, categoryName);

    public void Dispose()
    {
        // There is nothing to release.
    }

    private sealed class Writer(Journal journal, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel) && eventId.Name is not "HeartbeatSlow") // a busy machine is not an error
                journal._entries.Enqueue($"{logLevel} {category}: {formatter(state, exception)} {exception}");
        }
    }
}
