using System.Security.Cryptography.X509Certificates;
using LogKit.Grpc.Access;
using Microsoft.Net.Http.Headers;

namespace LogKit.Server.Security;

/// <summary>
/// A caller of a server with access control: its credentials and permissions. Kept with the call, so that open streams can be checked again
/// when the lists change.
/// </summary>
internal sealed class Caller : ICaller
{
    private const string Bearer = "Bearer ";

    private readonly AccessGate _gate;

    public Caller(HttpContext context, AccessGate gate)
    {
        _gate = gate;
        var authorization = context.Request.Headers[HeaderNames.Authorization].ToString();
        Token = authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? authorization[Bearer.Length..].Trim() : null;
        Certificate = context.Connection.ClientCertificate;
    }

    public string? Token { get; }

    public X509Certificate2? Certificate { get; }

    public Exception? RefusalOf(LogActions action) => _gate.RefusalOf(this, action);
}
