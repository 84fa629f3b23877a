namespace LogKit.Tests.Support;

/// <summary>Waits with a time limit, so that a test that hangs reports what it waited for.</summary>
internal static class WithinExtensions
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task<T> Within<T>(this Task<T> task, string what)
    {
        await ((Task)task).Within(what);
        return await task;
    }

    public static async Task Within(this Task task, string what)
    {
        try
        {
            await task.WaitAsync(Limit);
        }
        catch (TimeoutException) when (!task.IsCompleted)
        {
            Assert.Fail($"waited {Limit.TotalSeconds:0} seconds for {what}");
        }
    }
}
