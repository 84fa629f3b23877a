using Grpc.Health.V1;
using Grpc.Reflection;

namespace LogKit.Server;

/// <summary>Server reflection, v1.</summary>
internal sealed class ReflectionV1() : ReflectionV1ServiceImpl(Described.Names, Described.Registry);

/// <summary>Server reflection, v1alpha, which older tools use.</summary>
internal sealed class ReflectionV1Alpha() : ReflectionServiceImpl(Described.Names, Described.Registry);

/// <summary>What reflection describes.</summary>
file static class Described
{
    public static string[] Names { get; } = [V1.Log.Descriptor.FullName, HealthReflection.Descriptor.Services[0].FullName];

    public static SymbolRegistry Registry { get; } = SymbolRegistry.FromFiles([V1.LogReflection.Descriptor, HealthReflection.Descriptor]);
}
