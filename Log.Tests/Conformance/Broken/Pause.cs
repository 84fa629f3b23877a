namespace LogKit.Tests.Conformance.Broken;

/// <summary>
/// A pause in a broken log at the very place at which a race would be lost now and then: it lasts until another call comes by, so that
/// the race comes out the same every time; or for a moment, where none does.
/// </summary>
internal sealed class Pause
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(4);

    private TaskCompletionSource _call = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task UntilCallAsync() => Task.WhenAny(_call.Task, Task.Delay(Moment));

    public void Call() =>
        Interlocked.Exchange(ref _call, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
