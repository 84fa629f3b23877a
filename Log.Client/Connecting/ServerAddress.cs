namespace LogKit.Client.Connecting;

/// <summary>
/// The address of the servers of a log: one or more URLs with the same scheme, or a DNS name that resolves to any number of them.
/// </summary>
/// <param name="Target">The target of the channel.</param>
/// <param name="Servers">The servers, if there are several; otherwise empty.</param>
/// <param name="IsTls">Whether to use TLS.</param>
internal sealed record ServerAddress(Uri Target, IReadOnlyList<Uri> Servers, bool IsTls)
{
    /// <summary>Parses an address of <see cref="GrpcLog.Connect"/>.</summary>
    /// <param name="text">The address.</param>
    /// <param name="wantsTls">Whether to use TLS if the address does not say.</param>
    /// <exception cref="ArgumentException">The address is invalid.</exception>
    public static ServerAddress Parse(string text, bool wantsTls)
    {
        var servers = text.Split(',', StringSplitOptions.TrimEntries).Select(part => Single(part, text)).ToList();
        if (servers is [var only])
            return new ServerAddress(only, [], only.Scheme is "dns" ? wantsTls : IsHttps(only));
        if (servers.Exists(server => server.Scheme is "dns"))
        {
            throw new ArgumentException(
                $"invalid address '{text}': dns:/// cannot be combined with other addresses: it resolves to several servers itself");
        }

        if (servers.Exists(server => IsHttps(server) != IsHttps(servers[0])))
            throw new ArgumentException($"invalid address '{text}': all servers must use http://, or all must use https://");
        return new ServerAddress(new Uri("static:///log"), servers, IsHttps(servers[0]));
    }

    private static bool IsHttps(Uri server) => server.Scheme == Uri.UriSchemeHttps;

    private static Uri Single(string part, string text)
    {
        if (Uri.TryCreate(part, UriKind.Absolute, out var uri)
            && ((uri.Scheme is "http" or "https" && uri is { UserInfo: "", PathAndQuery: "/", Fragment: "" })
                || (uri.Scheme is "dns" && uri is { Host: "", AbsolutePath.Length: > 1 })))
            return uri;
        throw new ArgumentException(
            $"invalid address '{text}': it must be http://HOST:PORT or https://HOST:PORT, or several of these separated by commas, "
                + "or dns:///HOST:PORT");
    }
}
