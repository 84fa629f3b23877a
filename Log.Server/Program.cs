using LogKit.Server;
using LogKit.Server.Backends;

return await LogServer.RunAsync(args, BuiltInBackends.All);
