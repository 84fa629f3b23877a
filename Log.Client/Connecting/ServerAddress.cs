namespace LogKit.Client.Connecting;

/// <summary>Where the servers of a log are: one or several URLs of one scheme, or a DNS name that stands for any number of them.</summary>
/// <param name="Target">What the channel is opened on.</param>
/// <param name="Servers">The servers to choose from, where there are several; else none, and the target says it all.</param>
/// <param name="IsTls">Whether they are reached over TLS.</param>
internal sealed record ServerAddress(Uri Target, IReadOnlyList<Uri> Servers, bool IsTls)
{
    /// <summary>Reads an address as <see cref="GrpcLog.Connect"/> takes it.</summary>
    /// <param name="text">The address.</param>
    /// <param name="wantsTls">Whether TLS is used where the address does not say it.</param>
    /// <exception cref="ArgumentException">It is none.</exception>
    public static ServerAddress Parse(string text, bool wantsTls)
    {
        var servers = text.Split(',', StringSplitOptions.TrimEntries).Select(part => Single(part, text)).ToList();
        if (servers is [var only])
            return new ServerAddress(only, [], only.Scheme is "dns" ? wantsTls : IsHttps(only));
        if (servers.Exists(server => server.Scheme is "dns"))
            throw new ArgumentException($"the address '{text}' is wrong: dns:/// stands alone, as it finds several servers itself");
        if (servers.Exists(server => IsHttps(server) != IsHttps(servers[0])))
            throw new ArgumentException($"the address '{text}' is wrong: all servers are http:// or all are https://");
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
            $"the address '{text}' is wrong: it must be http://HOST:PORT or https://HOST:PORT, or several of these with commas between "
                + "them, or dns:///HOST:PORT");
    }
}
