namespace LogKit.Grpc.Security;

/// <summary>
/// What one or more files say, read again when their content changes. A change is taken once it has been the same at two looks, so that
/// files that are written or replaced one after the other are not read halfway. What cannot be used is reported, and leaves in force what was.
/// </summary>
/// <remarks>Content is compared, not times: a replaced file, a link that points elsewhere and a volume that is swapped all count.</remarks>
internal sealed class WatchedFiles<T> : IWatchedFiles
    where T : class
{
    private readonly string[] _paths;
    private readonly Func<string[], T> _parse;
    private volatile T _value;
    private string[] _tried;
    private string[]? _seen;

    /// <exception cref="FormatException">The files cannot be used.</exception>
    /// <exception cref="IOException">They cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">They may not be read.</exception>
    public WatchedFiles(string[] paths, Func<string[], T> parse)
    {
        (_paths, _parse) = (paths, parse);
        _tried = Read();
        _value = parse(_tried);
    }

    /// <summary>What was last read that could be used.</summary>
    public T Value => _value;

    public string Names => string.Join(" and ", _paths);

    public ReloadOutcome Look(out string problem)
    {
        problem = "";
        var content = TryRead(out var unreadable);
        if (content.SequenceEqual(_tried))
        {
            _seen = null;
            return ReloadOutcome.Unchanged;
        }

        if (_seen is null || !content.SequenceEqual(_seen))
        {
            _seen = content;
            return ReloadOutcome.Unchanged;
        }

        (_tried, _seen) = (content, null);
        try
        {
            _value = unreadable is null ? _parse(content) : throw new FormatException(unreadable.Message, unreadable);
            return ReloadOutcome.Reloaded;
        }
        catch (FormatException exception)
        {
            problem = exception.Message;
            return ReloadOutcome.Refused;
        }
    }

    // Files that cannot be read say why, in the place of their content: so they, too, are told of once, and at the second look.
    private string[] TryRead(out Exception? unreadable)
    {
        try
        {
            unreadable = null;
            return Read();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            unreadable = exception;
            return [exception.Message];
        }
    }

    private string[] Read() => [.. _paths.Select(File.ReadAllText)];
}

/// <summary>Files that are looked at now and then.</summary>
internal interface IWatchedFiles
{
    /// <summary>Their paths, to be named in the journal.</summary>
    string Names { get; }

    /// <summary>Looks whether they have changed, and takes the change.</summary>
    ReloadOutcome Look(out string problem);
}

/// <summary>What a look at watched files came to.</summary>
internal enum ReloadOutcome
{
    /// <summary>There is nothing new, or it is too new.</summary>
    Unchanged,

    /// <summary>What they say now is in force.</summary>
    Reloaded,

    /// <summary>What they say now cannot be used: what they said before stays in force.</summary>
    Refused,
}
