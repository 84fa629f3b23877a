return await LogKit.Grpc.Hosting.Server.RunAsync(args);
