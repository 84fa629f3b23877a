namespace LogKit.Conformance.Reporting;

/// <summary>The words of the reports.</summary>
internal static class FailureText
{
    public static string Name(RuleOutcome outcome) => outcome switch
    {
        RuleOutcome.Passed => "passed",
        RuleOutcome.Skipped => "skipped",
        RuleOutcome.Failed => "failed",
        _ => "deviates",
    };

    /// <summary>
    /// What made a log break a rule, in a form that is the same for all rules that it broke in this way; null if that cannot be told.
    /// </summary>
    public static string? CauseOf(RuleResult failure) => failure.Violation switch
    {
        { InnerException: { StackTrace: { } trace } exception } =>
            $"{exception.GetType().Name} {trace.Split('\n')[0].Split(" in ")[0].Trim()}",
        { Violation: RuleViolation.NoAnswer, Problem: var problem } when problem.Contains('(', StringComparison.Ordinal) =>
            $"no answer to {problem[..problem.IndexOf('(', StringComparison.Ordinal)].Split('.')[^1]}",
        _ => null,
    };

    /// <summary>Splits the message of a failure into text and programs, whose indentation is removed.</summary>
    public static IEnumerable<(string Text, bool IsProgram)> Parts(string message)
    {
        const string indentation = "    ";
        var (part, isProgram) = (new List<string>(), false);
        foreach (var line in message.ReplaceLineEndings("\n").Split('\n'))
        {
            if (isProgram && !line.StartsWith(indentation, StringComparison.Ordinal))
            {
                yield return (string.Join('\n', part), true);
                (part, isProgram) = ([], false);
            }

            part.Add(isProgram ? line[indentation.Length..] : line);
            if (!isProgram && line.StartsWith("  the ", StringComparison.Ordinal) && line.Contains("program", StringComparison.Ordinal)
                && line.EndsWith(':'))
            {
                yield return (string.Join('\n', part), false);
                (part, isProgram) = ([], true);
            }
        }

        if (part.Count > 0)
            yield return (string.Join('\n', part), isProgram);
    }
}
