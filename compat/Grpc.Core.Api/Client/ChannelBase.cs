// What generated clients need of a channel: the target's name, an invoker, and an end.
namespace Grpc.Core;

public abstract class ChannelBase
{
    private int _shutdownRequested;

    protected ChannelBase(string target)
    {
        ArgumentNullException.ThrowIfNull(target);
        Target = target;
    }

    public string Target { get; }

    public abstract CallInvoker CreateCallInvoker();

    /// <exception cref="InvalidOperationException">Shutdown was asked for before.</exception>
    public Task ShutdownAsync() => Interlocked.Exchange(ref _shutdownRequested, 1) == 0
        ? ShutdownAsyncCore()
        : throw new InvalidOperationException("The channel has already been shut down.");

    protected virtual Task ShutdownAsyncCore() => Task.CompletedTask;
}
