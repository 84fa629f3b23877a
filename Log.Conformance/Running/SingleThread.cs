using System.Collections.Concurrent;

namespace LogKit.Conformance.Running;

/// <summary>
/// A synchronization context with one thread, like that of a user interface: what awaits on it continues on its thread, and if the thread
/// is blocked, nothing continues.
/// </summary>
internal sealed class SingleThread : SynchronizationContext
{
    private readonly BlockingCollection<(SendOrPostCallback Callback, object? State)> _posted = [];

    private SingleThread()
    {
        var thread = new Thread(() =>
        {
            SetSynchronizationContext(this);
            foreach (var (callback, state) in _posted.GetConsumingEnumerable())
                callback(state);
        })
        {
            IsBackground = true, // a log that blocks the thread blocks it for ever
            Name = "LogKit single-threaded context",
        };
        thread.Start();
    }

    /// <summary>Whether <c>LOGKIT_SINGLE_THREAD=1</c> asks for it.</summary>
    public static bool IsRequested { get; } = Environment.GetEnvironmentVariable("LOGKIT_SINGLE_THREAD") is "1";

    /// <summary>Runs something on a thread of its own. What it awaits without <c>ConfigureAwait(false)</c> continues there.</summary>
    public static async Task RunAsync(Func<Task> run)
    {
        var context = new SingleThread();
        var ended = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        context.Post(_ => ended.SetResult(run()), null);
        try
        {
            await (await ended.Task.ConfigureAwait(false)).ConfigureAwait(false);
        }
        finally
        {
            context._posted.CompleteAdding();
        }
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        try
        {
            _posted.Add((d, state));
        }
        catch (InvalidOperationException)
        {
            ThreadPool.QueueUserWorkItem(_ => d(state)); // what a rule left behind, after its end
        }
    }
}
