namespace LogKit.Client.Producing;

/// <summary>One append of a stream.</summary>
/// <param name="Batch">What to append.</param>
/// <param name="ExpectedOffset">Where, or nowhere; null where any offset will do.</param>
internal readonly record struct ConditionalBatch(RecordBatch Batch, ulong? ExpectedOffset);
