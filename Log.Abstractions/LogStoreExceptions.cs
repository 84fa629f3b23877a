// The failures of a store, one class per cause. Their messages are part of the contract: the service sends them to clients unchanged.

using static System.FormattableString;

namespace LogKit;

/// <summary>A text is not the name of a log: see <see cref="LogNames"/>.</summary>
/// <param name="name">The text.</param>
public sealed class LogNameException(string name) : ArgumentException(Invariant(
    $"'{Shown(name)}' is not the name of a log: use 1 to {LogNames.LengthLimit} of A-Z a-z 0-9 . _ - and begin with a letter or a digit"))
{
    /// <summary>The text.</summary>
    public string Name { get; } = name;

    /// <summary>The beginning of a text, without what a terminal or a journal would act on.</summary>
    private static string Shown(string name) => string.Concat(
        name.Take(LogNames.LengthLimit + 1).Select(character => character is >= ' ' and <= '~' ? character : '?'));
}

/// <summary>No log has the name.</summary>
/// <param name="name">The name.</param>
public sealed class LogNotFoundException(string name) : LogException($"there is no log '{name}'")
{
    /// <summary>The name.</summary>
    public string Name { get; } = name;
}

/// <summary>A log with the name exists.</summary>
/// <param name="name">The name.</param>
public sealed class LogExistsException(string name) : LogException($"there is already a log '{name}'")
{
    /// <summary>The name.</summary>
    public string Name { get; } = name;
}

/// <summary>The log was deleted. Another log may have its name, but this handle never refers to it: open the log again.</summary>
/// <param name="name">The name of the log that was deleted.</param>
/// <param name="id">The id of the log that was deleted.</param>
public sealed class LogDeletedException(string name, Guid id) : LogException($"the log '{name}' with id {id} was deleted")
{
    /// <summary>The name of the log that was deleted.</summary>
    public string Name { get; } = name;

    /// <summary>The id of the log that was deleted.</summary>
    public Guid Id { get; } = id;
}

/// <summary>The store holds as many logs as it may. Nothing was created. Delete a log, or raise the limit.</summary>
/// <param name="limit">The limit, in logs.</param>
public sealed class LogLimitException(int limit) : LogException(Invariant($"the store holds {limit} logs, which is its limit"))
{
    /// <summary>The limit, in logs.</summary>
    public int Limit { get; } = limit;
}

/// <summary>The default log cannot be deleted.</summary>
public sealed class DefaultLogException() : LogException($"the log '{LogNames.Default}' is the default log, which cannot be deleted");
