using LogKit.Grpc.Access;
using LogKit.V1;

namespace LogKit.Grpc.Errors;

/// <summary>The caller is not authenticated.</summary>
internal sealed class IdentityException((string Reason, string Message) cause) : Exception(cause.Message)
{
    public static readonly (string Reason, string Message) Required = (ErrorReasons.IdentityRequired, "client identity is required");

    public static readonly (string Reason, string Message) TokenUnknown = (ErrorReasons.TokenUnknown, "the bearer token is not known");

    public string Reason { get; } = cause.Reason;
}

/// <summary>The caller is not permitted to do this.</summary>
internal sealed class PermissionException(string identity, LogActions action)
    : Exception($"{identity} is not permitted to {NameOf(action)}")
{
    public string Identity { get; } = identity;

    public string Action { get; } = NameOf(action);

    private static string NameOf(LogActions action) => action switch
    {
        LogActions.Produce => "produce",
        LogActions.Consume => "consume",
        _ => "produce or consume",
    };
}
