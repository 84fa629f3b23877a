namespace LogKit.Server.Security;

/// <summary>
/// What one or more files say, read again when their content changes. A change is taken once it has been the same at two looks, so that
/// files that are written or replaced one after the other are not read halfway. What cannot be used is reported, and leaves in force what
/// was.
/// </summary>
/// <remarks>
/// Content is compared, not times: a replaced file, a link that points elsewhere and a volume that is swapped all count. Reading is bounded
/// in size and time, as a path may come to name a pipe, a device or a file on a server that does not answer: a read that takes longer goes
/// on by itself, and nothing waits for it. Looks must not overlap.
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
    private Task<string[]>? _reading; // has taken longer than the limit

    /// <param name="paths">The files.</param>
    /// <param name="parse">Makes what is wanted of their contents, or throws a <see cref="FormatException"/>.</param>
    /// <param name="readLimit">How long reading may take; null for 5 seconds.</param>
    /// <exception cref="FormatException">The files cannot be used.</exception>
    /// <exception cref="IOException">They cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">They may not be read.</exception>
    public ReloadedFiles(string[] paths, Func<string[], T> parse, TimeSpan? readLimit = null)
    {
        (_paths, _parse, _readLimit) = (paths, parse, readLimit ?? DefaultReadLimit);
        var reading = ReadAsync();
        _tried = ((IAsyncResult)reading).AsyncWaitHandle.WaitOne(_readLimit) ? reading.GetAwaiter().GetResult() : throw TooSlow();
        _value = parse(_tried);
    }

    /// <summary>What was last read that could be used.</summary>
    public T Value => _value;

    public string Names => string.Join(" and ", _paths);

    public async Task<Reload> LookAsync(bool isRequested, CancellationToken cancellationToken)
    {
        if (_reading is { IsCompleted: false })
            return Reload.Unchanged; // it has been reported
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

    // Files that cannot be read say why, in the place of their content: so they, too, are told of once, and at the second look.
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

    /// <summary>Reads on a thread of its own, which opening a named pipe blocks for as long as nobody writes to it.</summary>
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

/// <summary>Files that are looked at now and then.</summary>
internal interface IReloadedFiles
{
    /// <summary>Their paths, to be named in the journal.</summary>
    string Names { get; }

    /// <summary>Looks whether they have changed, and takes the change.</summary>
    /// <param name="isRequested">Whether somebody says that they are complete, so that no second look is needed.</param>
    /// <param name="cancellationToken">Ends the look.</param>
    Task<Reload> LookAsync(bool isRequested, CancellationToken cancellationToken);
}

/// <summary>What a look at watched files came to.</summary>
/// <param name="Outcome">Whether there was a change, and whether it was taken.</param>
/// <param name="Problem">Why it was refused.</param>
internal readonly record struct Reload(ReloadOutcome Outcome, string Problem = "")
{
    public static Reload Unchanged => new(ReloadOutcome.Unchanged);
}

/// <summary>Whether watched files have changed.</summary>
internal enum ReloadOutcome
{
    /// <summary>There is nothing new, or it is too new.</summary>
    Unchanged,

    /// <summary>What they say now is in force.</summary>
    Reloaded,

    /// <summary>What they say now cannot be used: what they said before stays in force.</summary>
    Refused,
}
