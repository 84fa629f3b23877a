// Handing a server call's deadline and cancellation on to the calls it makes. The server package refuses it at run time;
// the types are here because its signatures name them.
namespace Grpc.Core;

public class ContextPropagationOptions(bool propagateDeadline = true, bool propagateCancellation = true)
{
    public static readonly ContextPropagationOptions Default = new();

    public bool IsPropagateDeadline { get; } = propagateDeadline;

    public bool IsPropagateCancellation { get; } = propagateCancellation;
}

public abstract class ContextPropagationToken
{
    internal ContextPropagationToken()
    {
    }
}
