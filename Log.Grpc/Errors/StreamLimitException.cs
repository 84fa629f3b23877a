namespace LogKit.Grpc.Errors;

/// <summary>The limit on open streams is reached.</summary>
internal sealed class StreamLimitException(int limit) : Exception(FormattableString.Invariant($"the limit of {limit} streams is reached"))
{
    public int Limit { get; } = limit;
}
