using LogKit;
using LogKit.Conformance;
using LogKit.Conformance.Xunit;

namespace MyLogs;

/// <summary>
/// Gives the suite access to your log. Declare what else it can do (reopen, crash, be damaged, be truncated, ...) and override the methods
/// that go with it: each capability turns on more rules.
/// </summary>
public sealed class MyLogHarness : LogHarness
{
    public override LogCapabilities Capabilities => LogCapabilities.Limits;

    public override ValueTask<ILog> OpenAsync(string name) => ValueTask.FromResult<ILog>(new MyLog());
}

/// <summary>Every rule as a test.</summary>
public sealed class MyLogConformance(MyLogHarness harness) : LogConformance<MyLogHarness>(harness);
