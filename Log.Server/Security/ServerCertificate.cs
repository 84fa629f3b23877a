using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LogKit.Server.Security;

/// <summary>The certificate of the server, with its key and the intermediate certificates that follow it in the file.</summary>
internal static class ServerCertificate
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <exception cref="FormatException">They are not a matching certificate and key, or cannot be used by a server.</exception>
    public static SslStreamCertificateContext Parse(string certificatePem, string keyPem)
    {
        try
        {
            using var pair = X509Certificate2.CreateFromPem(certificatePem, keyPem);
            // Windows cannot use a key that is only in memory, hence the detour through PKCS#12.
            var certificate = OperatingSystem.IsWindows()
                ? X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), null)
                : new X509Certificate2(pair);
            if (!MayServe(certificate))
                throw new FormatException("its certificate is not meant for servers: the extended key usage lacks serverAuth");
            if (DateTime.Now > certificate.NotAfter)
                throw new FormatException(
                    FormattableString.Invariant($"its certificate expired on {certificate.NotAfter.ToUniversalTime():yyyy-MM-dd}"));
            var chain = new X509Certificate2Collection();
            chain.ImportFromPem(certificatePem);
            chain.RemoveAt(0);
            return SslStreamCertificateContext.Create(certificate, chain, offline: true);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new FormatException($"it is not a PEM certificate with its PEM key: {exception.Message}", exception);
        }
    }

    private static bool MayServe(X509Certificate2 certificate) =>
        certificate
            .Extensions.OfType<X509EnhancedKeyUsageExtension>()
            .All(usage => usage.EnhancedKeyUsages.Cast<Oid>().Any(oid => oid.Value is ServerAuthentication));
}
