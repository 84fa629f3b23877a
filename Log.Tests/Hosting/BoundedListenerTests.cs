using System.Buffers;
using System.Net;
using System.Net.Sockets;
using LogKit.Server.Connections;
using LogKit.Server.Observability;
using LogKit.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace LogKit.Tests.Hosting;

/// <summary>The server's listener creates the same connections as Kestrel's own listener.</summary>
public sealed class BoundedListenerTests
{
    [Fact]
    public async Task Connections_take_their_buffers_from_the_memory_pool_of_the_host()
    {
        var pool = new TaskCompletionSource<MemoryPool<byte>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddSingleton(new TransportLimits()).AddSingleton<StrangerReports>();
        builder.Services.AddSingleton<IConnectionListenerFactory, BoundedListenerFactory>();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Use(_ => connection =>
        {
            pool.TrySetResult(connection.Features.Get<IMemoryPoolFeature>()!.MemoryPool);
            return Task.CompletedTask;
        })));
        await using var app = builder.Build();
        await app.StartAsync();
        var address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, address.Port);

        var taken = await pool.Task.Within("the connection to be accepted");
        using var hosts = app.Services.GetRequiredService<IMemoryPoolFactory<byte>>().Create();
        Assert.Equal(hosts.GetType(), taken.GetType());
        Assert.NotEqual(MemoryPool<byte>.Shared.GetType(), taken.GetType());
    }
}
