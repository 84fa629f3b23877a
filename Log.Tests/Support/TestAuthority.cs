using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LogKit.Tests.Support;

/// <summary>A certificate authority for one test, and the certificates that it issues.</summary>
internal sealed class TestAuthority : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _root;

    public TestAuthority(string name = "a test's authority")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(2));
    }

    public X509Certificate2 Root => _root;

    public string Pem => _root.ExportCertificatePem();

    /// <summary>Issues a server certificate. Returns it and its key, in PEM.</summary>
    public (string Certificate, string Key) Server(string host = "localhost", int daysFrom = -1, int daysTo = 30) =>
        PemOf(Sign($"CN={host}", ServerAuthentication, names => names.AddDnsName(host), daysFrom, daysTo));

    /// <summary>Issues a client certificate, which includes its private key.</summary>
    public X509Certificate2 Client(
        string name, string? uri = null, string? dns = null, int daysFrom = -1, int daysTo = 30, bool isForServers = false) =>
        Sign(
            $"CN={name}",
            isForServers ? ServerAuthentication : ClientAuthentication,
            names =>
            {
                if (dns is not null)
                    names.AddDnsName(dns);
                if (uri is not null)
                    names.AddUri(new Uri(uri));
            },
            daysFrom,
            daysTo);

    /// <summary>Issues a client certificate with any subject and alternative names.</summary>
    public X509Certificate2 Client(X500DistinguishedName subject, X509Extension? alternativeNames = null) =>
        Sign(subject, ClientAuthentication, alternativeNames, daysFrom: -1, daysTo: 30);

    public void Dispose() => _root.Dispose();

    private static (string Certificate, string Key) PemOf(X509Certificate2 certificate)
    {
        using (certificate)
            return (certificate.ExportCertificatePem(), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    private X509Certificate2 Sign(string subject, string usage, Action<SubjectAlternativeNameBuilder> addNames, int daysFrom, int daysTo)
    {
        var names = new SubjectAlternativeNameBuilder();
        addNames(names);
        return Sign(
            new X500DistinguishedName(subject),
            usage,
            names.Build() is { RawData.Length: > 2 } alternativeNames ? alternativeNames : null,
            daysFrom,
            daysTo);
    }

    private X509Certificate2 Sign(X500DistinguishedName subject, string usage, X509Extension? alternativeNames, int daysFrom, int daysTo)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        if (alternativeNames is not null)
            request.CertificateExtensions.Add(alternativeNames);
        using var signed = request.Create(
            _root, DateTimeOffset.UtcNow.AddDays(daysFrom), DateTimeOffset.UtcNow.AddDays(daysTo), RandomNumberGenerator.GetBytes(16));
        using var pair = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), null);
    }
}
