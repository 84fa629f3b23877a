using System.Net;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;

using V1Health = Grpc.Health.V1.Health;

namespace LogKit.Server.Health;

/// <summary>
/// <c>--health ADDRESS</c>: checks whether a running server is serving. For containers, which have no other program to do so.
/// </summary>
internal static class HealthProbe
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    /// <summary>Returns true if it is serving. Otherwise writes one line to standard error that says why not.</summary>
    /// <param name="address">
    /// The address of the server, which is checked over gRPC, or the URL of a page at its management address; null if none was given.
    /// </param>
    /// <exception cref="SettingException">The address is not valid.</exception>
    public static async Task<bool> IsServingAsync(string? address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
            throw new SettingException(
                "--health",
                address,
                "must be the address of a server: http://HOST:PORT or https://HOST:PORT, or http://HOST:PORT/readyz at its management "
                    + "address");
        using var handler = new SocketsHttpHandler
        {
            // A proxy cannot forward plaintext HTTP/2, and is not wanted here.
            UseProxy = uri.Scheme == Uri.UriSchemeHttps && !IsThisMachine(uri),
        };
#pragma warning disable CA5359 // any certificate will do on this very machine: nothing secret is said, and its name is the network's
        if (IsThisMachine(uri))
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        var problem = uri.AbsolutePath is "/" ? await AskAsync(uri, handler) : await GetAsync(uri, handler);
        if (problem is null)
            return true;
        if (handler.UseProxy && HttpClient.DefaultProxy.GetProxy(uri) is { } proxy)
            problem += $" (by the proxy {proxy.Host}:{proxy.Port}, set by the environment: NO_PROXY={uri.Host} bypasses it)";
        await Console.Error.WriteLineAsync($"{address}: {problem}");
        return false;
    }

    private static async Task<string?> AskAsync(Uri uri, SocketsHttpHandler handler)
    {
        using var channel = GrpcChannel.ForAddress(uri, new GrpcChannelOptions { HttpHandler = handler });
        try
        {
            var answer = await new V1Health.HealthClient(channel).CheckAsync(new HealthCheckRequest(), deadline: DateTime.UtcNow + Limit);
            return answer.Status is HealthCheckResponse.Types.ServingStatus.Serving ? null : $"{answer.Status}";
        }
        catch (RpcException exception)
        {
            return $"{exception.StatusCode}: {exception.Status.Detail}";
        }
    }

    private static async Task<string?> GetAsync(Uri uri, SocketsHttpHandler handler)
    {
        using var client = new HttpClient(handler, disposeHandler: false) { Timeout = Limit };
        try
        {
            using var answer = await client.GetAsync(uri);
            return answer.IsSuccessStatusCode ? null : $"{(int)answer.StatusCode}: {(await answer.Content.ReadAsStringAsync()).Trim()}";
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            return exception.Message;
        }
    }

    private static bool IsThisMachine(Uri uri) =>
        uri.Host is "localhost" || (IPAddress.TryParse(uri.DnsSafeHost, out var host) && IPAddress.IsLoopback(host));
}
