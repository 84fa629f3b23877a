// What a test may say about one verification: the arguments that tell the cases of a theory apart.
namespace VerifyTests;

public class VerifySettings
{
    internal IReadOnlyList<object?> Parameters { get; private set; } = [];

    /// <summary>The arguments of the test method, from the first on; they become part of the file's name.</summary>
    public void UseParameters(params object?[] parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Parameters = parameters;
    }
}
