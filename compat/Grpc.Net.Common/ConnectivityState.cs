// The states of a client channel, as the client package reports them.
namespace Grpc.Core;

public enum ConnectivityState
{
    Idle,
    Connecting,
    Ready,
    TransientFailure,
    Shutdown,
}
