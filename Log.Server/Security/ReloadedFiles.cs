namespace LogKit.Server.Security;

/// <summary>
/// The parsed content of one or more files, reloaded when it changes. A change is accepted once two checks see the same content, so that
/// files that are written or replaced one after another are not read halfway. Content that cannot be used is reported, and the previous
/// content stays in force.
/// </summary>
/// <remarks>
/// Contents are compared, not times, so replaced files, changed links, and swapped volumes all count. Reading is limited in size and time,
/// because a path may come to refer to a pipe, a device, or a server that does not respond. A read that takes longer continues on its own,
/// and nothing waits for it. Checks must not overlap.
/// </remarks>
internal sealed class ReloadedFiles<T> : IReloadedFiles
    where T : class
{
    private const int LimitBytes = 16 * 1024 * 1024;

    private static readonly TimeSpan DefaultReadLimit = TimeSpan.FromSeconds(5);

    private readonly string[] _paths;
    private readonly Func<string[], T> _parse;
    private readonly TimeSpan _readLimit;
    private volatile T _value;
    private string[] _tried;
    private string[]? _seen;
    private Task<string[]>? _reading; // a read that exceeded the limit

    /// <param name="paths">The files.</param>
    /// <param name="parse">Parses the contents, or throws a <see cref="FormatException"/>.</param>
    /// <param name="readLimit">The time limit for reading; null for 5 seconds.</param>
    /// <exception cref="FormatException">The files cannot be used.</exception>
    /// <exception cref="IOException">The files cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The process lacks permission to read the files.</exception>
    public ReloadedFiles(string[] paths, Func<string[], T> parse, TimeSpan? readLimit = null)
    {
        (_paths, _parse, _readLimit) = (paths, parse, readLimit ?? DefaultReadLimit);
        var reading = ReadAsync();
        _tried = ((IAsyncResult)reading).AsyncWaitHandle.WaitOne(_readLimit) ? reading.GetAwaiter().GetResult() : throw TooSlow();
        _value = parse(_tried);
    }

    /// <summary>The last content that could be used.</summary>
    public T Value => _value;

    public string Names => string.Join(" and ", _paths);

    public async Task<Reload> LookAsync(bool isRequested, CancellationToken cancellationToken)
    {
        if (_reading is { IsCompleted: false })
            return Reload.Unchanged; // already reported
        var (content, unreadable) = await TryReadAsync(cancellationToken);
        if (content.SequenceEqual(_tried))
        {
            _seen = null;
            return Reload.Unchanged;
        }

        if (!isRequested && _reading is null && (_seen is null || !content.SequenceEqual(_seen)))
        {
            _seen = content;
            return Reload.Unchanged;
        }

        (_tried, _seen) = (content, null);
        try
        {
            _value = unreadable is null ? _parse(content) : throw new FormatException(unreadable.Message, unreadable);
            return new Reload(ReloadOutcome.Reloaded);
        }
        catch (FormatException exception)
        {
            return new Reload(ReloadOutcome.Refused, exception.Message);
        }
    }

    // If a file cannot be read, the reason takes the place of its content, so that it is also reported once, at the second check.
    private async Task<(string[] Content, Exception? Unreadable)> TryReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var reading = _reading ?? ReadAsync();
            _reading = null;
            if (await Task.WhenAny(reading, Task.Delay(_readLimit, cancellationToken)) != reading)
            {
                cancellationToken.ThrowIfCancellationRequested();
                _reading = reading;
                throw TooSlow();
            }

            return (await reading, null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ([exception.Message], exception);
        }
    }

    private IOException TooSlow() =>
        new(FormattableString.Invariant($"{Names} cannot be read within {_readLimit.TotalSeconds} s: is it a regular file?"));

    /// <summary>Reads on a separate thread, because opening a named pipe blocks until someone writes to it.</summary>
    private Task<string[]> ReadAsync() => Task.Factory.StartNew(
        () => _paths.Select(Read).ToArray(), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static string Read(string path)
    {
        using var file = File.OpenRead(path);
        using var content = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int count; (count = file.Read(buffer)) > 0;)
        {
            content.Write(buffer, 0, count);
            if (content.Length > LimitBytes)
                throw new IOException(FormattableString.Invariant($"{path} is larger than {LimitBytes} bytes"));
        }

        content.Position = 0;
        using var text = new StreamReader(content);
        return text.ReadToEnd();
    }
}

/// <summary>Files that are checked for changes.</summary>
internal interface IReloadedFiles
{
    /// <summary>The paths, for the journal.</summary>
    string Names { get; }

    /// <summary>Checks whether the files have changed, and applies the change.</summary>
    /// <param name="isRequested">Whether the check was requested, which means that the files are complete and need no second check.</param>
    /// <param name="cancellationToken">Cancels the check.</param>
    Task<Reload> LookAsync(bool isRequested, CancellationToken cancellationToken);
}

/// <summary>The result of a check.</summary>
/// <param name="Outcome">Whether there was a change, and whether it was applied.</param>
/// <param name="Problem">Why the change was refused.</param>
internal readonly record struct Reload(ReloadOutcome Outcome, string Problem = "")
{
    public static Reload Unchanged => new(ReloadOutcome.Unchanged);
}

/// <summary>Whether files have changed.</summary>
internal enum ReloadOutcome
{
    /// <summary>There is no change, or it must be confirmed by another check.</summary>
    Unchanged,

    /// <summary>The new content is in force.</summary>
    Reloaded,

    /// <summary>The new content cannot be used. The previous content stays in force.</summary>
    Refused,
}
