namespace LogKit.Grpc.Access;

/// <summary>
/// Who makes a call: a feature of its request, set by whatever controls access to the host. A call without one is not restricted.
/// </summary>
internal interface ICaller
{
    /// <summary>Decides whether the caller may do something, by the rules in force at this moment.</summary>
    /// <returns>Why it may not; null if it may.</returns>
    Exception? RefusalOf(LogActions action);
}
