using Example;
using LogKit.Server;

// Run as a program, the tests are the server that Log.Conformance/README.md makes for a log of one's own: see OwnBackendTests.
return await LogServer.RunAsync(args, new ListLogBackend());
