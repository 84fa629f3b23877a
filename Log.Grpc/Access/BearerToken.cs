using Microsoft.Net.Http.Headers;

namespace LogKit.Grpc.Access;

/// <summary>The bearer token of a call (RFC 6750).</summary>
internal static class BearerToken
{
    private const string Scheme = "Bearer ";

    /// <summary>The token that a call carries; null if it carries none.</summary>
    public static string? Of(HttpContext context)
    {
        var authorization = context.Request.Headers[HeaderNames.Authorization].ToString();
        return authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? authorization[Scheme.Length..].Trim() : null;
    }
}
