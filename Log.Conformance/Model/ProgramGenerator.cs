namespace LogKit.Conformance.Model;

/// <summary>Generates a program from a seed, with steps near the ends of the log, where bugs are, and some far away.</summary>
internal sealed class ProgramGenerator(int seed, LogCapabilities capabilities, int maxValue)
{
    private readonly Random _random = new(seed);
    private readonly ModelLog _model = new();

    public static List<Step> Make(int seed, LogCapabilities capabilities, int maxValue, int length)
    {
        var generator = new ProgramGenerator(seed, capabilities, maxValue);
        var steps = new List<Step>();
        for (var i = 0; i < length; i++)
        {
            var step = generator.Next();
            step.Expect(generator._model);
            steps.Add(step);
        }

        return steps;
    }

    private Step Next() => _random.Next(100) switch
    {
        < 40 => Append(),
        < 65 => new ReadStep(Offset()),
        < 72 => new RangeStep(),
        < 75 => ReadBatches(),
        < 85 => new WaitStep(Offset()),
        < 93 when capabilities.HasFlag(LogCapabilities.Truncate) => new TruncateStep(Offset()),
        < 96 when capabilities.HasFlag(LogCapabilities.Reopen) => new ReopenStep(AfterCrash: false),
        < 97 when capabilities.HasFlag(LogCapabilities.Reopen | LogCapabilities.Crash) => new ReopenStep(AfterCrash: true),
        < 99 when capabilities.HasFlag(LogCapabilities.Disconnect) => new StubbornAppendStep(SomeValues(), Trouble.Cut),
        _ when capabilities.HasFlag(LogCapabilities.Reopen | LogCapabilities.Faults) =>
            new StubbornAppendStep(SomeValues(), Trouble.Fault),
        _ => new AppendStep(Values(), null),
    };

    private AppendStep Append()
    {
        // If there are two reasons to refuse an append, the log may use either.
        var values = Values();
        return new AppendStep(values, values.Length > 0 && _random.Next(4) == 0 ? Offset() : null);
    }

    private ReadBatchesStep ReadBatches()
    {
        var offset = Offset();
        return new ReadBatchesStep(offset, LimitBytes: 16 << (int)(offset % 8));
    }

    private string[] SomeValues() => Values() is { Length: > 0 } values ? values : ["a"];

    private string[] Values()
    {
        var count = _random.Next(12) == 0 ? 0 : _random.Next(8) == 0 ? _random.Next(40) : 1 + _random.Next(4);
        return [.. Enumerable.Range(0, count).Select(i => _random.Next(16) switch
        {
            0 => "",
            1 => new string((char)('a' + (i % 26)), _random.Next(maxValue)),
            _ => $"r{_random.Next(1000)}",
        })];
    }

    private ulong Offset()
    {
        var (start, next) = (_model.Range.StartOffset, _model.Range.NextOffset);
        return _random.Next(10) switch
        {
            < 3 => next,
            < 4 => next + 1 + (ulong)_random.Next(4),
            < 5 => start,
            < 6 when start > 0 => start - 1,
            < 9 when next > start => start + (ulong)_random.NextInt64((long)(next - start)),
            < 9 => next,
            _ => _random.Next(4) switch { 0 => ulong.MaxValue, 1 => 1ul << 32, 2 => next - start, _ => (ulong)_random.Next(100) },
        };
    }
}
