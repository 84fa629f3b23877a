namespace LogKit.Cli.Streams;

/// <summary>Calls that block and cannot be canceled, such as opening a named pipe that nobody writes to.</summary>
internal static class BlockingCalls
{
    /// <summary>Makes the call on another thread. An interrupt abandons it, and the end of the process ends it.</summary>
    public static Task<T> RunAsync<T>(Func<T> call, CancellationToken stopping) => Task.Run(call, stopping).WaitAsync(stopping);
}
