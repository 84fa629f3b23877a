namespace LogKit.Tests.Disk.Simulation;

internal enum OperationKind
{
    Other,
    Read,
    Create,
    Write,
    Reserve,
    SetLength,
    Flush,
    Rename,
    Delete,
    FlushDirectory,
}

/// <summary>The durable and volatile contents of a simulated device, and its faults. See <see cref="SimulatedStorage"/>.</summary>
internal sealed class SimulatedDisk
{
    private readonly Lock _gate = new(); // a log seals segments concurrently with appends; code of a test never runs under this lock
    private readonly List<string> _trace = [];
    private Dictionary<string, Inode> _durableNames = [];
    private Dictionary<int, string> _durableDirectories = [];
    private bool _isWithoutPower;
    private long _bytesRead;

    /// <summary>The names that the running process sees.</summary>
    public Dictionary<string, Inode> Names { get; private set; } = [];

    /// <summary>The names of directories that the running process sees. The names of files in one begin with its number.</summary>
    public Dictionary<int, string> Directories { get; private set; } = [];

    /// <summary>The number of mutating operations so far.</summary>
    public int OperationCount { get; private set; }

    /// <summary>The number of bytes read from files.</summary>
    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>The number of the operation during which power is lost.</summary>
    public int PowerLossAt { get; set; } = int.MaxValue;

    /// <summary>
    /// Decides which operations fail. Receives the number and kind of an operation, and returns the exception to throw, or null.
    /// </summary>
    public Func<int, OperationKind, IOException?> Fault { get; set; } = (_, _) => null;

    /// <summary>Runs once, during the next flush. Appends that it starts form a group.</summary>
    public Action? DuringNextFlush { get; set; }

    /// <summary>An exception that no file system throws, with which every operation fails.</summary>
    public Exception? Unforeseen { get; set; }

    /// <summary>Decides how much of a failing operation takes effect. A test seeds it.</summary>
    public Random Random { get; init; } = new(0);

    /// <summary>The operations so far, for failure messages.</summary>
    public string Trace
    {
        get
        {
            lock (_gate)
                return string.Join('\n', _trace);
        }
    }

    public void Do(OperationKind kind, string what, Action operation, Action<Random>? failing = null) =>
        Do<object?>(kind, what, () =>
        {
            operation();
            return null;
        }, failing);

    public T Do<T>(OperationKind kind, string what, Func<T> operation, Action<Random>? failing = null)
    {
        if (_isWithoutPower)
            throw new PowerLostException();
        if (kind is OperationKind.Read or OperationKind.Other)
        {
            lock (_gate)
                return operation();
        }

        if (Unforeseen is { } unforeseen)
            throw unforeseen;
        if (kind is OperationKind.Flush && DuringNextFlush is { } happening)
        {
            DuringNextFlush = null;
            happening();
        }

        int number;
        lock (_gate)
        {
            number = OperationCount++;
            _trace.Add($"{number,4} {what}");
            if (number == PowerLossAt)
            {
                // The operation may have started. Its effect is one more unflushed change.
                if (kind is not (OperationKind.Flush or OperationKind.FlushDirectory))
                    operation();
                _isWithoutPower = true;
                throw new PowerLostException();
            }
        }

        var fault = Fault(number, kind);
        lock (_gate)
        {
            if (fault is null)
                return operation();
            _trace[number] += $" FAILS: {fault.Message}";
            failing?.Invoke(Random);
            throw fault;
        }
    }

    public void CountRead(int bytes) => Interlocked.Add(ref _bytesRead, bytes);

    /// <summary>Makes the names in a directory durable.</summary>
    /// <param name="prefix">How its names begin; empty for the root.</param>
    public void MakeNamesDurable(string prefix = "")
    {
        foreach (var name in _durableNames.Keys.Where(name => IsIn(name, prefix)).ToList())
            _durableNames.Remove(name);
        foreach (var (name, inode) in Names.Where(name => IsIn(name.Key, prefix)))
            _durableNames[name] = inode;
    }

    public void MakeDirectoriesDurable() => _durableDirectories = new Dictionary<int, string>(Directories);

    public static bool IsIn(string name, string prefix) =>
        prefix.Length == 0 ? !name.Contains('/') : name.StartsWith(prefix, StringComparison.Ordinal);

    /// <summary>Returns the disk as the next process finds it after the power loss.</summary>
    /// <param name="random">Decides which unflushed changes survive.</param>
    public SimulatedDisk AfterPowerLoss(Random random)
    {
        lock (_gate)
            return AfterPowerLossLocked(random);
    }

    private SimulatedDisk AfterPowerLossLocked(Random random)
    {
        var sectorBytes = random.Next(2) == 0 ? 512 : 4096;
        var survivors = new Dictionary<Inode, Inode>();
        var names = new Dictionary<string, Inode>();
        foreach (var name in Names.Keys.Union(_durableNames.Keys))
        {
            var source = random.Next(2) == 0 ? Names : _durableNames;
            if (!source.TryGetValue(name, out var inode))
                continue;
            if (!survivors.TryGetValue(inode, out var survivor))
                survivors[inode] = survivor = inode.AfterPowerLoss(random, sectorBytes);
            names[name] = survivor;
        }

        // A directory has its old name or its new one, and takes its files along.
        var directories = new Dictionary<int, string>();
        foreach (var directory in Directories.Keys.Union(_durableDirectories.Keys))
        {
            if ((random.Next(2) == 0 ? Directories : _durableDirectories).TryGetValue(directory, out var name))
                directories[directory] = name;
        }

        foreach (var name in names.Keys.Where(name => name.Contains('/')).ToList())
        {
            if (!directories.ContainsKey(int.Parse(name.Split('/')[0], System.Globalization.CultureInfo.InvariantCulture)))
                names.Remove(name);
        }

        return new SimulatedDisk
        {
            Names = names,
            _durableNames = new Dictionary<string, Inode>(names),
            Directories = directories,
            _durableDirectories = new Dictionary<int, string>(directories),
            Random = random,
        };
    }

    /// <summary>Returns the disk as another process finds it after a kill. Nothing is lost.</summary>
    public SimulatedDisk AfterKill() => new()
    {
        Names = Names,
        _durableNames = _durableNames,
        Directories = Directories,
        _durableDirectories = _durableDirectories,
        Random = Random,
    };
}

/// <summary>Power is lost. The operation, and every later one of the process, fails.</summary>
internal sealed class PowerLostException() : IOException("the power is gone");

/// <summary>The content of a file: the current one, the durable one, and the unflushed changes between them.</summary>
internal sealed class Inode
{
    private byte[] _content = [];
    private byte[] _durable = [];
    private List<(long Position, byte[]? Bytes)> _unflushed = [];

    public long Length => _content.Length;

    public int Read(Span<byte> buffer, long position)
    {
        if (position >= _content.Length)
            return 0;
        var bytes = _content.AsSpan((int)position);
        bytes = bytes[..Math.Min(bytes.Length, buffer.Length)];
        bytes.CopyTo(buffer);
        return bytes.Length;
    }

    public void Write(byte[] bytes, long position)
    {
        _unflushed.Add((position, bytes));
        Put(ref _content, position, bytes);
    }

    public void SetLength(long length)
    {
        _unflushed.Add((length, null));
        Array.Resize(ref _content, (int)length);
    }

    public void MakeDurable()
    {
        foreach (var (position, bytes) in _unflushed)
            Apply(ref _durable, position, bytes);
        _unflushed = [];
    }

    public void LoseUnflushed() => _unflushed = [];

    /// <summary>Flips bits of a stored byte, as a failing device does.</summary>
    public void Flip(long position, byte mask)
    {
        _content[position] ^= mask;
        if (position < _durable.Length)
            _durable[position] ^= mask;
    }

    public Inode AfterPowerLoss(Random random, int sectorBytes)
    {
        var survived = _durable.ToArray();
        var chance = random.Next(4); // that none, some, most, or all of the changes survive
        foreach (var (position, bytes) in _unflushed)
        {
            if (bytes is null)
            {
                if (random.Next(3) < chance)
                    Apply(ref survived, position, null);
                continue;
            }

            for (var start = 0; start < bytes.Length;)
            {
                var end = (int)Math.Min(bytes.Length, ((position + start) / sectorBytes * sectorBytes) + sectorBytes - position);
                if (random.Next(3) < chance)
                    Put(ref survived, position + start, bytes.AsSpan(start, end - start).ToArray());
                start = end;
            }
        }

        return new Inode { _content = survived.ToArray(), _durable = survived };
    }

    private static void Apply(ref byte[] content, long position, byte[]? bytes)
    {
        if (bytes is null)
            Array.Resize(ref content, (int)position);
        else
            Put(ref content, position, bytes);
    }

    private static void Put(ref byte[] content, long position, byte[] bytes)
    {
        if (content.Length < position + bytes.Length)
            Array.Resize(ref content, (int)position + bytes.Length);
        bytes.CopyTo(content.AsSpan((int)position));
    }
}
