namespace LogKit.Grpc.Access;

/// <summary>What a caller may be permitted to do.</summary>
[Flags]
internal enum LogActions
{
    None = 0,
    Produce = 1,
    Consume = 2,

    /// <summary>Any of them.</summary>
    Either = Produce | Consume,
}

/// <summary>Metadata of an endpoint: what calling it takes.</summary>
internal sealed record RequiredAction(LogActions Action);
