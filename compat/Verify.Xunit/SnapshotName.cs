// Verify's convention for file names: Class.Method_param1=value1_param2=value2, where a nested class is Outer.Inner, and a
// character that some file system refuses becomes '-'. The same on every system, so that files can be shared.
using System.Buffers;
using System.Collections;
using System.Globalization;
using System.Reflection;

namespace VerifyXunit;

internal static class SnapshotName
{
    private static readonly SearchValues<char> Refused =
        SearchValues.Create([.. "\"\\<>|:*?/", .. Enumerable.Range(0, 32).Select(code => (char)code)]);

    /// <exception cref="ArgumentException">There are more arguments than the method has parameters.</exception>
    public static string Of(MethodInfo test, IReadOnlyList<object?> arguments)
    {
        var parameters = test.GetParameters();
        if (arguments.Count > parameters.Length)
        {
            throw new ArgumentException(
                $"{test.Name} has {parameters.Length} parameters, and {arguments.Count} arguments were given.", nameof(arguments));
        }

        var suffix = string.Concat(arguments.Select((argument, i) => $"_{parameters[i].Name}={Text(argument)}"));
        return Accepted($"{ClassName(test.ReflectedType!)}.{test.Name}{suffix}");
    }

    private static string ClassName(Type type) =>
        type.DeclaringType is null ? type.Name : $"{ClassName(type.DeclaringType)}.{type.Name}";

    private static string Text(object? argument) => argument switch
    {
        null => "null",
        string text => text,
        IEnumerable => throw new NotSupportedException("Arguments that are sequences have no text of their own: name the case instead."),
        _ => Convert.ToString(argument, CultureInfo.InvariantCulture) ?? "null",
    };

    private static string Accepted(string name) => string.Create(name.Length, name, (target, source) =>
    {
        for (var i = 0; i < source.Length; i++)
            target[i] = Refused.Contains(source[i]) ? '-' : source[i];
    });
}
