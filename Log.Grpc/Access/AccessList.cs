using System.Collections.Frozen;

namespace LogKit.Grpc.Access;

/// <summary>The permissions of each identity. An identity that is not listed may do nothing.</summary>
internal sealed class AccessList
{
    private readonly FrozenDictionary<string, LogActions> _permitted;

    private AccessList(Dictionary<string, LogActions> permitted) => _permitted = permitted.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Parses lines such as <c>alice produce consume</c>.</summary>
    /// <exception cref="FormatException">A line is not valid. The message says which, and what is expected.</exception>
    public static AccessList Parse(string text)
    {
        var permitted = new Dictionary<string, LogActions>(StringComparer.Ordinal);
        IdentityLines.ForEach(text, (identity, words) =>
        {
            if (words.Length == 0)
                throw new FormatException($"{identity} has no rights: list produce, consume, or both, or remove the line");
            var actions = words.Aggregate(LogActions.None, (actions, word) => actions | ActionOf(word));
            if (!permitted.TryAdd(identity, actions))
                throw new FormatException($"{identity} is listed twice: put all of its rights on one line");
        });
        return new AccessList(permitted);
    }

    /// <summary>Whether an identity may do an action, or at least one of several.</summary>
    public bool IsPermitted(string identity, LogActions action) => (_permitted.GetValueOrDefault(identity) & action) != LogActions.None;

    private static LogActions ActionOf(string word) => word switch
    {
        "produce" => LogActions.Produce,
        "consume" => LogActions.Consume,
        _ => throw new FormatException($"{word} is not a right: the rights are produce and consume"),
    };
}
