namespace LogKit.Tests.Support;

/// <summary>Waiting for what gives no signal, such as something in another process: it is asked again and again.</summary>
internal static class Poll
{
    /// <summary>Completes once it is so.</summary>
    public static Task UntilAsync(Func<Task<bool>> isSo, string what)
    {
        return PollAsync().Within(what);

        async Task PollAsync()
        {
            while (!await isSo())
                await Task.Yield();
        }
    }
}
