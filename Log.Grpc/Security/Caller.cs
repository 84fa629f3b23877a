using System.Security.Cryptography.X509Certificates;
using Microsoft.Net.Http.Headers;

namespace LogKit.Grpc.Security;

/// <summary>What a caller has shown of itself: kept with its call, so that a live stream can be judged again when the lists change.</summary>
internal sealed record Caller(string? Token, X509Certificate2? Certificate)
{
    private const string Bearer = "Bearer ";

    public static Caller Of(HttpContext context)
    {
        var authorization = context.Request.Headers[HeaderNames.Authorization].ToString();
        return new Caller(
            authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? authorization[Bearer.Length..].Trim() : null,
            context.Connection.ClientCertificate);
    }
}
