// Tells the verifier which test is running: it stands on every class whose tests call Verify.
using System.Reflection;
using Xunit.Sdk;

namespace VerifyXunit;

[AttributeUsage(AttributeTargets.Class)]
public sealed class UsesVerifyAttribute : BeforeAfterTestAttribute
{
    private static readonly AsyncLocal<MethodInfo?> Running = new();

    /// <exception cref="InvalidOperationException">The class of the running test lacks the attribute.</exception>
    internal static MethodInfo RunningTest =>
        Running.Value ?? throw new InvalidOperationException("Expected [UsesVerify] on the test class.");

    public override void Before(MethodInfo methodUnderTest) => Running.Value = methodUnderTest;

    public override void After(MethodInfo methodUnderTest) => Running.Value = null;
}
