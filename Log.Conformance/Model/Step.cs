using LogKit.Conformance.Running;

namespace LogKit.Conformance.Model;

/// <summary>A step of a random program: what the model expects, what the log does, and the step as C#.</summary>
internal abstract record Step
{
    /// <summary>Applies the step to the model.</summary>
    /// <returns>The expected outcome.</returns>
    public abstract string Expect(ModelLog model);

    /// <summary>Applies the step to the log.</summary>
    /// <returns>The outcome.</returns>
    /// <remarks>An exception is an outcome, too.</remarks>
    public abstract Task<string> DoAsync(ModelRun run);

    /// <summary>Whether the outcome is the expected one.</summary>
    public virtual bool Accepts(string actual, string expected) => actual == expected;

    /// <summary>The step as a C# statement, without the semicolon.</summary>
    public abstract string Statement(int number);

    /// <summary>Simpler steps, for a program that is easier to read.</summary>
    public virtual IEnumerable<Step> Simpler() => [];

    /// <summary>The step with its offset moved back, if it has one that is not less.</summary>
    public virtual Step MovedBack(ulong records) => this;

    protected static ulong MovedBack(ulong offset, ulong records) => offset >= records ? offset - records : offset;

    protected static IEnumerable<ulong> Smaller(ulong offset) => offset == 0 ? [] : ((ulong[])[0, offset / 2, offset - 1]).Distinct();
}

internal sealed record AppendStep(string[] Values, ulong? Expected) : Step
{
    public override string Expect(ModelLog model) => model.Append(Values, Expected);

    public override async Task<string> DoAsync(ModelRun run) =>
        Outcome.Of(await run.Log.AppendBatchAsync(RecordBatch.OfText(Values), Expected));

    public override string Statement(int number) =>
        $"await log.AppendBatchAsync(RecordBatch.OfText({string.Join(", ", Values.Select(OperationText.Of))})"
        + $"{(Expected is { } expected ? $", expectedOffset: {OperationText.Number(expected)}" : "")})";

    public override Step MovedBack(ulong records) =>
        Expected is { } expected ? this with { Expected = MovedBack(expected, records) } : this;

    public override IEnumerable<Step> Simpler()
    {
        if (Values.Length > 1)
        {
            yield return this with { Values = Values[..(Values.Length / 2)] };
            yield return this with { Values = Values[..^1] };
        }

        if (Values.Any(value => value.Length > 1))
            yield return this with { Values = [.. Values.Select((_, i) => $"{(char)('a' + (i % 26))}")] };
        if (Expected is { } offset)
        {
            yield return this with { Expected = null };
            foreach (var smaller in Smaller(offset))
                yield return this with { Expected = smaller };
        }
    }
}

internal sealed record ReadStep(ulong Offset) : Step
{
    public override string Expect(ModelLog model) => model.Read(Offset);

    public override async Task<string> DoAsync(ModelRun run) => Outcome.Of(await run.Log.ReadBatchAsync(Offset));

    public override string Statement(int number) => $"await log.ReadBatchAsync({OperationText.Number(Offset)})";

    public override Step MovedBack(ulong records) => this with { Offset = MovedBack(Offset, records) };

    public override IEnumerable<Step> Simpler() => Smaller(Offset).Select(offset => new ReadStep(offset));
}

internal sealed record ReadBatchesStep(ulong Offset, int LimitBytes) : Step
{
    public override string Expect(ModelLog model) => model.ReadBatches(Offset, LimitBytes);

    public override async Task<string> DoAsync(ModelRun run) => Outcome.Of(await run.Log.ReadBatchesAsync(Offset, LimitBytes));

    /// <summary>The log decides how many of the batches to return.</summary>
    public override bool Accepts(string actual, string expected) =>
        actual.Length > 0 && expected.StartsWith(actual, StringComparison.Ordinal);

    public override string Statement(int number) => $"await log.ReadBatchesAsync({OperationText.Number(Offset)}, limitBytes: {LimitBytes})";

    public override Step MovedBack(ulong records) => this with { Offset = MovedBack(Offset, records) };

    public override IEnumerable<Step> Simpler() =>
        [new ReadStep(Offset), .. Smaller(Offset).Select(offset => this with { Offset = offset })];
}

internal sealed record RangeStep : Step
{
    public override string Expect(ModelLog model) => Outcome.Of(model.Range);

    public override async Task<string> DoAsync(ModelRun run) => Outcome.Of(await run.Log.GetRangeAsync());

    public override string Statement(int number) => "await log.GetRangeAsync()";
}

/// <summary>Starts a wait. After each step, the run checks which waits have completed and which must have.</summary>
internal sealed record WaitStep(ulong Offset) : Step
{
    public override string Expect(ModelLog model) => Outcome.Done;

    public override Task<string> DoAsync(ModelRun run)
    {
        run.BeginWait(Offset);
        return Task.FromResult(Outcome.Done);
    }

    public override string Statement(int number) => $"var wait{number} = log.WaitForAppendAsync({OperationText.Number(Offset)}).AsTask()";

    public override Step MovedBack(ulong records) => this with { Offset = MovedBack(Offset, records) };

    public override IEnumerable<Step> Simpler() => Smaller(Offset).Select(offset => new WaitStep(offset));
}

internal sealed record TruncateStep(ulong Offset) : Step
{
    public override string Expect(ModelLog model) => model.Truncate(Offset);

    public override async Task<string> DoAsync(ModelRun run)
    {
        await ((ITruncatableLog)run.Log).TruncateBeforeAsync(Offset);
        return Outcome.Done;
    }

    public override string Statement(int number) => $"await ((ITruncatableLog)log).TruncateBeforeAsync({OperationText.Number(Offset)})";

    public override Step MovedBack(ulong records) => this with { Offset = MovedBack(Offset, records) };

    public override IEnumerable<Step> Simpler() => Smaller(Offset).Select(offset => new TruncateStep(offset));
}

internal sealed record ReopenStep(bool AfterCrash) : Step
{
    public override string Expect(ModelLog model) => Outcome.Done;

    public override async Task<string> DoAsync(ModelRun run)
    {
        await run.ReopenAsync(AfterCrash);
        return Outcome.Done;
    }

    public override string Statement(int number) =>
        $"await {(AfterCrash ? "harness.CrashAsync(\"log\")" : "log.DisposeAsync()")}; log = await harness.OpenAsync(\"log\")";

    public override IEnumerable<Step> Simpler() => AfterCrash ? [new ReopenStep(AfterCrash: false)] : [];
}

/// <summary>What an append meets.</summary>
internal enum Trouble
{
    /// <summary>Its connection is cut while it is in flight, and restored.</summary>
    Cut,

    /// <summary>The storage fails, is healed, and the log is reopened.</summary>
    Fault,
}

/// <summary>
/// An append in trouble, which is repeated with its expected offset until it is stored: once, whatever happened. Then the range.
/// </summary>
internal sealed record StubbornAppendStep(string[] Values, Trouble Trouble) : Step
{
    public override string Expect(ModelLog model) => $"{model.Append(Values, expected: null)}, then {Outcome.Of(model.Range)}";

    public override async Task<string> DoAsync(ModelRun run)
    {
        var offset = await run.AppendStubbornlyAsync(RecordBatch.OfText(Values), Trouble);
        return $"{Outcome.Of(offset)}, then {Outcome.Of(await run.Log.GetRangeAsync())}";
    }

    public override string Statement(int number)
    {
        var append = $"log.AppendBatchAsync(RecordBatch.OfText({string.Join(", ", Values.Select(OperationText.Of))}))";
        return Trouble is Trouble.Cut
            ? $"var append{number} = {append}.AsTask(); await harness.DisconnectAsync(\"log\"); await harness.ReconnectAsync(\"log\"); "
                + $"/* and again, with its expected offset, until it is stored */ await append{number}"
            : $"await harness.BreakStorageAsync(\"log\"); try {{ await {append}; }} catch (LogException) {{ }} "
                + "await harness.HealStorageAsync(\"log\"); await log.DisposeAsync(); log = await harness.OpenAsync(\"log\") "
                + "/* and again, with its expected offset, if it is not stored */";
    }

    public override IEnumerable<Step> Simpler()
    {
        yield return new AppendStep(Values, Expected: null);
        if (Values.Length > 1)
            yield return this with { Values = Values[..1] };
        else if (Values[0] != "a")
            yield return this with { Values = ["a"] };
    }
}
