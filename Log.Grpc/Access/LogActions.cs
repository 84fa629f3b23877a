namespace LogKit.Grpc.Access;

/// <summary>Actions that can be permitted.</summary>
[Flags]
internal enum LogActions
{
    None = 0,
    Produce = 1,
    Consume = 2,

    /// <summary>At least one of the actions.</summary>
    Either = Produce | Consume,
}

/// <summary>Endpoint metadata: the action that a call requires.</summary>
internal sealed record RequiredAction(LogActions Action);
