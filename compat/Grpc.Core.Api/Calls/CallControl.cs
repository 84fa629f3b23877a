// What all kinds of calls share: how to learn headers, status and trailers, and how to end the call.
// The functions take a state object, so that the client package needs no closure for each call.
namespace Grpc.Core;

internal readonly struct CallControl(
    Func<object, Task<Metadata>> responseHeaders,
    Func<object, Status> status,
    Func<object, Metadata> trailers,
    Action<object> dispose,
    object state)
{
    public CallControl(Task<Metadata> responseHeaders, Func<Status> status, Func<Metadata> trailers, Action dispose)
        : this(_ => responseHeaders, _ => status(), _ => trailers(), _ => dispose(), dispose)
    {
    }

    public Task<Metadata> ResponseHeadersAsync => responseHeaders(state);

    public Status GetStatus() => status(state);

    public Metadata GetTrailers() => trailers(state);

    public void Dispose() => dispose(state);
}
