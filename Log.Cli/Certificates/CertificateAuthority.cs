using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace LogKit.Cli.Certificates;

/// <summary>A certificate and its private key, in PEM.</summary>
internal sealed record PemPair(string Certificate, string Key);

/// <summary>
/// A private authority: an ECDSA P-256 key that signs the certificates of servers and clients, and no intermediate authorities. Keys are
/// generated here and exist only in memory until the caller writes them.
/// </summary>
internal sealed class CertificateAuthority : IDisposable
{
    private const int SerialBytes = 20; // the maximum in RFC 5280
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>The minimum lifetime of an authority. It outlives what it signs, so that clients can be renewed one by one.</summary>
    private static readonly TimeSpan MinLifetime = TimeSpan.FromDays(3650);

    /// <summary>Certificates are valid from a little before they are created, because clocks differ.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromHours(1);

    private readonly X509Certificate2 _certificate;

    private CertificateAuthority(X509Certificate2 certificate) => _certificate = certificate;

    /// <param name="lifetime">The lifetime, if longer than ten years.</param>
    /// <param name="now">The current time.</param>
    public static CertificateAuthority Create(TimeSpan lifetime, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(NameOf("LogKit private CA"), key, HashAlgorithmName.SHA256);
        var subjectKey = new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForCertificateAuthority(pathLengthConstraint: 0));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(subjectKey);
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(subjectKey));
        var ends = now + (lifetime > MinLifetime ? lifetime : MinLifetime);
        using var certificate = request.Create(
            request.SubjectName, X509SignatureGenerator.CreateForECDsa(key), now - ClockSkew, ends, CreateSerial());
        return new CertificateAuthority(certificate.CopyWithPrivateKey(key));
    }

    /// <exception cref="CryptographicException">They are not a certificate and its key, or not those of such an authority.</exception>
    public static CertificateAuthority OfPem(PemPair pem)
    {
        X509Certificate2 certificate;
        try
        {
            certificate = X509Certificate2.CreateFromPem(pem.Certificate, pem.Key);
        }
        catch (ArgumentException exception) // the key is another certificate's
        {
            throw new CryptographicException(exception.Message, exception);
        }

        var authority = new CertificateAuthority(certificate);
        using var key = certificate.GetECDsaPrivateKey();
        if (key is not null && certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(basic => basic.CertificateAuthority)
            && certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Any())
            return authority;
        authority.Dispose();
        throw new CryptographicException("it is not the certificate of an authority with an ECDSA key");
    }

    /// <summary>When the authority expires, and with it everything that it has signed.</summary>
    public DateTimeOffset Ends => new(_certificate.NotAfter);

    public PemPair ToPem()
    {
        using var key = _certificate.GetECDsaPrivateKey()!;
        return PemOf(_certificate, key);
    }

    /// <summary>Issues a certificate for a server.</summary>
    /// <param name="hosts">The names and addresses of the server, as clients specify them.</param>
    /// <param name="lifetime">The lifetime; at most that of the authority.</param>
    /// <param name="now">The current time, before <see cref="Ends"/>.</param>
    public PemPair IssueServer(IEnumerable<string> hosts, TimeSpan lifetime, DateTimeOffset now)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (var host in hosts)
        {
            if (IPAddress.TryParse(host, out var address))
                names.AddIpAddress(address);
            else
                names.AddDnsName(host);
        }

        return Issue("LogKit server", names.Build(), ServerAuthentication, lifetime, now);
    }

    /// <summary>
    /// Issues a certificate for a client. The name, by which the server identifies the client, is the common name and, if it is a URI or a
    /// DNS name, also an alternative name of that kind.
    /// </summary>
    /// <param name="name">A name that <see cref="Identity.ProblemOf"/> accepts.</param>
    /// <param name="lifetime">The lifetime; at most that of the authority.</param>
    /// <param name="now">The current time, before <see cref="Ends"/>.</param>
    public PemPair IssueClient(string name, TimeSpan lifetime, DateTimeOffset now)
    {
        var names = new SubjectAlternativeNameBuilder();
        if (Identity.UriOf(name) is { } uri)
            names.AddUri(uri);
        else if (Identity.IsDnsName(name))
            names.AddDnsName(name);
        else
            names = null;
        return Issue(name, names?.Build(), ClientAuthentication, lifetime, now);
    }

    public void Dispose() => _certificate.Dispose();

    private PemPair Issue(string commonName, X509Extension? names, string usage, TimeSpan lifetime, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(NameOf(commonName), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(X509BasicConstraintsExtension.CreateForEndEntity(critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(
            _certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().First()));
        if (names is not null)
            request.CertificateExtensions.Add(names);

        var authorityBegins = new DateTimeOffset(_certificate.NotBefore);
        var begins = now - ClockSkew > authorityBegins ? now - ClockSkew : authorityBegins;
        var ends = now + lifetime < Ends ? now + lifetime : Ends;
        using var certificate = request.Create(_certificate, begins, ends, CreateSerial());
        return PemOf(certificate, key);
    }

    private static PemPair PemOf(X509Certificate2 certificate, ECDsa key) =>
        new(certificate.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");

    private static X500DistinguishedName NameOf(string commonName)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName(commonName);
        return name.Build();
    }

    private static byte[] CreateSerial()
    {
        var serial = RandomNumberGenerator.GetBytes(SerialBytes);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x40); // positive, and of exactly that length
        return serial;
    }
}
