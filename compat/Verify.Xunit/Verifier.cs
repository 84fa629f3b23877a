// Compares a text with the one kept beside the test, in Class.Method_param=value.verified.txt.
// Only texts: what else the original can verify, no test here asks for.
using System.Runtime.CompilerServices;
using VerifyTests;

namespace VerifyXunit;

public static class Verifier
{
    /// <summary>
    /// Fails unless <paramref name="target"/> is what the verified file holds (but for the kind of line ends), and then leaves
    /// <paramref name="target"/> in a .received.txt file beside it. To accept it, rename that file.
    /// </summary>
    public static SettingsTask Verify(string? target, VerifySettings? settings = null, [CallerFilePath] string sourceFile = "") =>
        new(settings, used => Snapshot.Of(UsesVerifyAttribute.RunningTest, used, sourceFile).CompareAsync(target));
}
