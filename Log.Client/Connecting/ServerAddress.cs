namespace LogKit.Client.Connecting;

/// <summary>
/// The address of the servers of a log: one or more URLs with the same scheme, or a DNS name that resolves to any number of them.
/// </summary>
/// <param name="Servers">The URLs: at least one, or the only one with a name that is looked up.</param>
/// <param name="IsDns">Whether the name in the only URL resolves to the servers.</param>
/// <param name="IsTls">Whether to use TLS.</param>
internal sealed record ServerAddress(IReadOnlyList<Uri> Servers, bool IsDns, bool IsTls)
{
    /// <summary>Parses an address of <see cref="GrpcLog.Connect"/>.</summary>
    /// <param name="text">The address.</param>
    /// <param name="wantsTls">Whether to use TLS if the address does not say.</param>
    /// <exception cref="ArgumentException">The address is invalid.</exception>
    public static ServerAddress Parse(string text, bool wantsTls)
    {
        var servers = text.Split(',', StringSplitOptions.TrimEntries).Select(part => Single(part, text)).ToList();
        if (servers is [{ Scheme: "dns" } name])
        {
            var scheme = wantsTls ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
            return Uri.TryCreate($"{scheme}:/{name.AbsolutePath}", UriKind.Absolute, out var url) && url.PathAndQuery is "/"
                ? new ServerAddress([url], IsDns: true, wantsTls)
                : throw Invalid(text);
        }

        if (servers.Exists(server => server.Scheme is "dns"))
        {
            throw new ArgumentException(
                $"invalid address '{text}': dns:/// cannot be combined with other addresses: it resolves to several servers itself");
        }

        if (servers.Exists(server => IsHttps(server) != IsHttps(servers[0])))
            throw new ArgumentException($"invalid address '{text}': all servers must use http://, or all must use https://");
        return new ServerAddress(servers, IsDns: false, IsHttps(servers[0]));
    }

    private static bool IsHttps(Uri server) => server.Scheme == Uri.UriSchemeHttps;

    private static Uri Single(string part, string text)
    {
        if (Uri.TryCreate(part, UriKind.Absolute, out var uri)
            && ((uri.Scheme is "http" or "https" && uri is { UserInfo: "", PathAndQuery: "/", Fragment: "" })
                || (uri.Scheme is "dns" && uri is { Host: "", AbsolutePath.Length: > 1 })))
            return uri;
        throw Invalid(text);
    }

    private static ArgumentException Invalid(string text) => new(
        $"invalid address '{text}': it must be http://HOST:PORT or https://HOST:PORT, or several of these separated by commas, or "
            + "dns:///HOST:PORT");
}
