using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;

namespace LogKit.Server.Security;

/// <summary>Identifies callers and checks their permissions, using the current lists.</summary>
internal sealed class AccessGate(ReloadedFiles<TokenList>? tokens, ReloadedFiles<AccessList> access)
{
    /// <summary>
    /// Why the caller is not permitted to do it; null if it is. <see cref="LogActions.None"/> requires an identity but no permission.
    /// </summary>
    public Exception? RefusalOf(Caller caller, LogActions action)
    {
        string? identity = null;
        if (caller.Token is not null && tokens is not null)
        {
            identity = tokens.Value.IdentityOf(caller.Token);
            if (identity is null)
                return new IdentityException(IdentityException.TokenUnknown);
        }
        else if (caller.Certificate is { } certificate && DateTime.Now <= certificate.NotAfter)
        {
            identity = CertificateIdentity.Of(certificate);
        }

        if (string.IsNullOrEmpty(identity))
            return new IdentityException(IdentityException.Required);
        return action is LogActions.None || access.Value.IsPermitted(identity, action) ? null : new PermissionException(identity, action);
    }
}
