// ListLogConformance.cs
using LogKit;
using LogKit.Conformance;
using LogKit.Conformance.Xunit;

namespace Example;

/// <summary>Gives the suite access to a <see cref="ListLog"/>: a new one for each name.</summary>
public sealed class ListHarness : LogHarness
{
    public override ValueTask<ILog> OpenAsync(string name) => ValueTask.FromResult<ILog>(new ListLog());
}

/// <summary>Every rule as a test.</summary>
public sealed class ListLogConformance(ListHarness harness) : LogConformance<ListHarness>(harness);
