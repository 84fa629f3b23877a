namespace LogKit.Tests.Support;

/// <summary>Waits for conditions that give no signal, such as the state of another process, by checking them repeatedly.</summary>
internal static class Poll
{
    /// <summary>Completes once the condition is true.</summary>
    public static Task UntilAsync(Func<Task<bool>> isTrue, string what)
    {
        return PollAsync().Within(what);

        async Task PollAsync()
        {
            while (!await isTrue())
                await Task.Yield();
        }
    }
}
