using Example;
using LogKit.Server;

// As a program, the tests are the server for a custom log in Log.Conformance/README.md: see OwnBackendTests.
return await LogServer.RunAsync(args, new ListLogBackend());
