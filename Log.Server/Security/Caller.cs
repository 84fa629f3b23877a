using System.Security.Cryptography.X509Certificates;
using LogKit.Grpc.Access;

namespace LogKit.Server.Security;

/// <summary>
/// A caller of a server with access control: its credentials and permissions. Kept with the call, so that open streams can be checked again
/// when the lists change.
/// </summary>
internal sealed class Caller : ICaller
{
    private readonly AccessGate _gate;

    public Caller(HttpContext context, AccessGate gate)
    {
        _gate = gate;
        Token = BearerToken.Of(context);
        Certificate = context.Connection.ClientCertificate;
    }

    public string? Token { get; }

    public X509Certificate2? Certificate { get; }

    public Exception? RefusalOf(LogActions action) => _gate.RefusalOf(this, action);
}
