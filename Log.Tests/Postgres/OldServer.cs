using LogKit.Testing;

namespace LogKit.Tests.Postgres;

/// <summary>The shared cluster, as if it were PostgreSQL 12.</summary>
internal static class OldServer
{
    public static NetworkProxy Start() => new(PostgresCluster.Shared.Port)
    {
        Script = (direction, bytes) =>
        {
            var name = "server_version\0"u8;
            if (direction is ProxyDirection.ToClient && bytes.Span.IndexOf(name) is var index and >= 0)
                "12"u8.CopyTo(bytes.Span[(index + name.Length)..]); // replaces the major version
            return ProxyAction.Forward;
        },
    };
}
