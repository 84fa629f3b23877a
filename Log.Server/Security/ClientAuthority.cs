using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LogKit.Server.Security;

/// <summary>
/// The private authorities whose client certificates are accepted. There is no revocation list: to keep someone out, remove the line from
/// the access list.
/// </summary>
internal sealed class ClientAuthority
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2Collection _roots = [];

    private ClientAuthority()
    {
    }

    /// <exception cref="FormatException">The file contains no certificate, or something else.</exception>
    public static ClientAuthority Parse(string pem)
    {
        var authority = new ClientAuthority();
        try
        {
            authority._roots.ImportFromPem(pem);
        }
        catch (CryptographicException exception)
        {
            throw new FormatException($"it is not a PEM certificate: {exception.Message}", exception);
        }

        return authority._roots.Count > 0 ? authority : throw new FormatException("it contains no PEM certificate");
    }

    /// <summary>
    /// Whether a certificate is signed by one of the authorities, currently valid, and intended for clients; if not, why.
    /// </summary>
    public bool Accepts(X509Certificate2 certificate, X509Chain? received, out string problem)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_roots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        if (received is not null)
            chain.ChainPolicy.ExtraStore.AddRange(received.ChainPolicy.ExtraStore);
        var isAccepted = chain.Build(certificate);
        problem = string.Join(", ", chain.ChainStatus.Select(status => status.Status.ToString()));
        return isAccepted;
    }

    /// <summary>
    /// Requests a certificate from connecting clients. A client without one can still connect: health checks need none, and other calls are
    /// then refused with a message.
    /// </summary>
    public void Require(SslServerAuthenticationOptions options, Action<string, string> refused)
    {
        options.ClientCertificateRequired = true;
        options.RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
        {
            if (certificate is not X509Certificate2 shown)
                return certificate is null;
            if (Accepts(shown, chain, out var problem))
                return true;
            refused(shown.Subject, problem);
            return false;
        };
    }
}
