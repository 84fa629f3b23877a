using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Guard;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace LogKit.Testing;

/// <summary>The certificate, the tokens, and the access list of a <see cref="LogTestServer"/>.</summary>
internal sealed class TestAccess : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly DirectoryInfo _directory;
    private readonly ConcurrentDictionary<string, string> _identityByToken = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _tokenByIdentity = new(StringComparer.Ordinal);

    /// <exception cref="FormatException">The access list is not valid.</exception>
    public TestAccess(string accessList)
    {
        List = AccessList.Parse(accessList);
        Certificate = CreateCertificate();
        _directory = Directory.CreateTempSubdirectory("logkit-test-server-");
        CaFile = Path.Combine(_directory.FullName, "ca.crt");
        File.WriteAllText(CaFile, Certificate.ExportCertificatePem());
    }

    /// <summary>The list in force, which can be replaced at any time.</summary>
    public AccessList List { get; set => Volatile.Write(ref field, value); }

    /// <summary>A certificate that signs itself, for the loopback interface.</summary>
    public X509Certificate2 Certificate { get; }

    public string CaFile { get; }

    public string TokenOf(string identity) => _tokenByIdentity.GetOrAdd(identity, identity =>
    {
        var token = RandomNumberGenerator.GetHexString(64, lowercase: true);
        _identityByToken[token] = identity;
        return token;
    });

    public void UseIn(WebApplication app)
    {
        var control = app.Services.GetRequiredService<AccessControl>();
        app.Use((context, next) => control.InvokeAsync(context, next, context => new Caller(this, BearerToken.Of(context))));
    }

    public void Dispose()
    {
        Certificate.Dispose();
        _directory.Delete(recursive: true);
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=LogTestServer", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], critical: false));
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
        // Via PKCS #12, because Windows does not accept a key that is only in memory.
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null);
    }

    private sealed class Caller(TestAccess access, string? token) : ICaller
    {
        public Exception? RefusalOf(LogActions action)
        {
            if (token is null)
                return new IdentityException(IdentityException.Required);
            if (!access._identityByToken.TryGetValue(token, out var identity))
                return new IdentityException(IdentityException.TokenUnknown);
            if (action is LogActions.None || access.List.IsPermitted(identity, action))
                return null;
            return new PermissionException(identity, action);
        }
    }
}
