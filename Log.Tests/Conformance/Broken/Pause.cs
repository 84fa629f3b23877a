namespace LogKit.Tests.Conformance.Broken;

/// <summary>
/// A pause in a broken log, at the point at which a race would occasionally be lost. It lasts until another call arrives, so that the race
/// has the same outcome every time, or for a moment if none arrives.
/// </summary>
internal sealed class Pause
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(4);

    private TaskCompletionSource _call = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task UntilCallAsync() => Task.WhenAny(_call.Task, Task.Delay(Moment));

    public void Call() =>
        Interlocked.Exchange(ref _call, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
