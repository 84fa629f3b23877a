// Each backend, in one line. The harnesses say how to get at it.

using LogKit.Conformance.Xunit;

namespace LogKit.Tests.Conformance;

public sealed class InMemoryLogConformance(InMemoryHarness harness) : LogConformance<InMemoryHarness>(harness);

public sealed class DiskLogConformance(DiskHarness harness) : LogConformance<DiskHarness>(harness);

public sealed class SimulatedDiskLogConformance(SimulatedDiskHarness harness) : LogConformance<SimulatedDiskHarness>(harness);

public sealed class GrpcLogOverInMemoryConformance(GrpcOverInMemoryHarness harness) : LogConformance<GrpcOverInMemoryHarness>(harness);

public sealed class GrpcLogOverDiskConformance(GrpcOverDiskHarness harness) : LogConformance<GrpcOverDiskHarness>(harness);

public sealed class GrpcLogOverSimulatedDiskConformance(GrpcOverSimulatedDiskHarness harness)
    : LogConformance<GrpcOverSimulatedDiskHarness>(harness);
