using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LogKit.Client.Connecting;

/// <summary>Loads PEM files for TLS handshakes. Errors say which file is wrong and why.</summary>
internal static class TlsFiles
{
    /// <exception cref="ArgumentException">A file is missing, unreadable, or invalid.</exception>
    public static SslClientAuthenticationOptions Load(GrpcLogOptions options)
    {
        var tls = new SslClientAuthenticationOptions();
        if (options.CaFile is { } caFile)
            tls.CertificateChainPolicy = TrustOnly(Certificates("CA file", caFile));
        if (options.CertificateFile is { } certificateFile && options.KeyFile is { } keyFile)
            tls.ClientCertificateContext = Identity(certificateFile, keyFile);
        else if ((options.CertificateFile ?? options.KeyFile) is not null)
            throw new ArgumentException("a certificate file and a key file must be given together: one of them is missing");
        return tls;
    }

    private static X509ChainPolicy TrustOnly(X509Certificate2Collection authority)
    {
        // A private authority publishes no revocation list. Its certificates are short-lived instead.
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(authority);
        return policy;
    }

    private static SslStreamCertificateContext Identity(string certificateFile, string keyFile)
    {
        var chain = Certificates("certificate file", certificateFile);
        var key = Text("key file", keyFile);
        if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
            throw new ArgumentException($"the key file {keyFile} is encrypted: a key with a passphrase is not supported");
        try
        {
            using var pair = X509Certificate2.CreateFromPem(chain[0].ExportCertificatePem(), key);
            // Via PKCS #12, because Windows does not accept a key that is only in memory.
            var own = X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), password: null);
            chain.RemoveAt(0);
            return SslStreamCertificateContext.Create(own, chain, offline: true);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new ArgumentException(
                $"the key file {keyFile} does not contain the key of {certificateFile}: {exception.Message}", exception);
        }
    }

    private static X509Certificate2Collection Certificates(string what, string path)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(Text(what, path));
        }
        catch (CryptographicException exception)
        {
            throw new ArgumentException($"the {what} {path} contains a damaged certificate: {exception.Message}", exception);
        }

        return certificates.Count > 0 ? certificates : throw new ArgumentException($"the {what} {path} contains no PEM certificate");
    }

    private static string Text(string what, string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception)
            when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ArgumentException($"the {what} {path} cannot be read: {exception.Message}", exception);
        }
    }
}
