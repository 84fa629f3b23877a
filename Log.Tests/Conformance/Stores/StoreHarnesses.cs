using LogKit.Conformance;
using LogKit.Conformance.Xunit;
using LogKit.InMemory;

namespace LogKit.Tests.Conformance.Stores;

public sealed class InMemoryStoreHarness : LogStoreHarness
{
    public override LogCapabilities Capabilities => LogCapabilities.Truncate | LogCapabilities.SeededStart | LogCapabilities.Limits;

    public override ValueTask<ILogStore> OpenStoreAsync(string name) => ValueTask.FromResult<ILogStore>(new InMemoryLogStore());
}

public sealed class InMemoryStoreConformance(InMemoryStoreHarness harness) : LogStoreConformance<InMemoryStoreHarness>(harness);

public sealed class InMemoryStoredLogConformance(InMemoryStoreHarness harness) : LogConformance<InMemoryStoreHarness>(harness);
