// ListLogServer.cs
using System.Net;
using LogKit;
using LogKit.Grpc;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Example;

/// <summary>A log of your own on the network: the service log.v1.Log over it.</summary>
public static class ListLogServer
{
    public static WebApplication Create(ILog log, int port)
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => // plaintext HTTP/2 needs a listener that speaks nothing else
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2));
        builder.Services.AddLogKit(log);
        var app = builder.Build();
        app.MapLogKit();
        return app;
    }
}
