using System.Globalization;
using Grpc.AspNetCore.Server.Model;
using LogKit.Disk;
using LogKit.Grpc;
using LogKit.InMemory;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace LogKit.Benchmarks.Service.Peers;

/// <summary>The servers to compare with the real server, in separate processes. Each prints its address as the real server does.</summary>
internal static class PeerServer
{
    /// <summary>Serves until the process is killed.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var protocol = args[0] == "rest" ? HttpProtocols.Http1 : HttpProtocols.Http2;
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = protocol));
        await using var app = args switch
        {
            ["noop", var records, var recordBytes, var count] => NoOp(
                builder, Loads.BatchOf(Number(records), Number(recordBytes)), Number(count)),
            ["rest", var directory] => Rest(builder, DiskLog.Open(directory)),
            ["memory"] => Memory(builder),
            _ => throw new ArgumentException($"unknown server: {string.Join(' ', args)}"),
        };
        await app.StartAsync();
        Console.WriteLine($"listening on {app.Urls.First()}");
        await app.WaitForShutdownAsync();
        return 0;
    }

    private static WebApplication NoOp(WebApplicationBuilder builder, RecordBatch batch, int count)
    {
        AddNoOp(builder, new NoOpService.Content(batch, count), V1.Log.Descriptor.FullName);
        var app = builder.Build();
        app.MapGrpcService<NoOpService>();
        return app;
    }

    private static WebApplication Rest(WebApplicationBuilder builder, ILog log)
    {
        builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, RestJson.Default));
        var app = builder.Build();
        app.MapRest(log);
        return app;
    }

    /// <summary>Serves the real service on an in-memory log and the no-op service, on one port.</summary>
    private static WebApplication Memory(WebApplicationBuilder builder)
    {
        builder.Services.AddLogKit(new InMemoryLog());
        AddNoOp(builder, new NoOpService.Content(Loads.BatchOf(1, 1), 0), NoOpService.Methods.OtherName);
        var app = builder.Build();
        app.MapLogKit();
        app.MapGrpcService<NoOpService>();
        return app;
    }

    private static void AddNoOp(WebApplicationBuilder builder, NoOpService.Content content, string serviceName)
    {
        builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = null);
        builder.Services.AddSingleton<IServiceMethodProvider<NoOpService>>(new NoOpService.Methods(serviceName));
        builder.Services.AddSingleton(new NoOpService(content));
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
