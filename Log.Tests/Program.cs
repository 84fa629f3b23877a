using Example;
using LogKit.Server;

// When run as a program, this assembly is the server for the custom log in Log.Conformance/README.md. See OwnBackendTests.
return await LogServer.RunAsync(args, new ListLogBackend());
