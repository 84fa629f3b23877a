namespace LogKit.Grpc.Access;

/// <summary>
/// The caller of a request: a request feature, set by the access control of the host. Without it, a call is not restricted.
/// </summary>
internal interface ICaller
{
    /// <summary>Checks whether the caller may do something, by the rules currently in force.</summary>
    /// <returns>Why it is not permitted; null if it is.</returns>
    Exception? RefusalOf(LogActions action);
}
