using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using LogKit.Server.Security;
using LogKit.Tests.Support;
using LogKit.V1;

namespace LogKit.Tests.Security;

/// <summary>Which certificate fields provide the identity of a client, and which do not.</summary>
public sealed class CertificateIdentityTests
{
    private const string Nobody = "";
    private const string CommonName = "2.5.4.3";
    private const string Unit = "2.5.4.11";
    private const string Mail = "1.2.840.113549.1.9.1";
    private const string UserId = "0.9.2342.19200300.100.1.1";

    private static readonly Dictionary<string, (string Identity, X500DistinguishedName Subject, byte[]? AlternativeNames)> Cases = new()
    {
        ["a common name"] = ("alice", Subject((CommonName, "alice")), null),
        ["a common name among others"] = ("alice", Subject((Unit, "bob"), (CommonName, "alice"), (Mail, "carol")), null),
        ["a common name in a part of several values"] = ("alice", SubjectOf([(CommonName, "alice"), (UserId, "bob")]), null),
        ["the first URI"] = ("spiffe://a/b", Subject((CommonName, "x")), Names((6, "spiffe://a/b"), (2, "dns"), (6, "spiffe://c/d"))),
        ["the first DNS name"] = ("dns", Subject((CommonName, "x")), Names((1, "mail"), (2, "dns"), (2, "second"))),
        ["names other than URI and DNS, and a common name"] = ("alice", Subject((CommonName, "alice")), Names((1, "bob@example"))),
        ["an empty subject and an e-mail name"] = (Nobody, Subject(), Names((1, "alice"))),
        ["an empty subject and a principal name"] = (Nobody, Subject(), PrincipalNames("alice")),
        ["a subject without a common name"] = (Nobody, Subject((Unit, "alice"), (Mail, "alice"), (UserId, "alice")), null),
        ["nothing"] = (Nobody, Subject(), null),
        ["two common names"] = (Nobody, Subject((CommonName, "alice"), (CommonName, "bob")), null),
        ["two common names in one part"] = (Nobody, SubjectOf([(CommonName, "alice"), (CommonName, "bob")]), null),
        ["an empty common name"] = (Nobody, Subject((CommonName, "")), null),
        ["an empty URI before a DNS name"] = (Nobody, Subject((CommonName, "alice")), Names((6, ""), (2, "alice"))),
        ["an empty URI, then another"] = (Nobody, Subject((CommonName, "alice")), Names((6, ""), (6, "alice"))),
        ["a name with a NUL"] = (Nobody, Subject((CommonName, "alice\0.example")), null),
        ["a name with a blank"] = (Nobody, Subject((CommonName, "alice bob")), null),
        ["a name with a line feed"] = (Nobody, Subject((CommonName, "alice\nbob")), null),
        ["a name with a letter of no width"] = (Nobody, Subject((CommonName, "ali\u200Bce")), null),
        ["a name that is written backwards"] = (Nobody, Subject((CommonName, "\u202Eecila")), null),
        ["a name too long"] = (Nobody, Subject((CommonName, new string('a', 3000))), null),
        ["alternative names that can't be read"] = (Nobody, Subject((CommonName, "alice")), [0x30, 0x05, 0x86, 0x7F, 1, 2, 3]),
        ["alternative names with more behind them"] = (Nobody, Subject((CommonName, "alice")), [.. Names((6, "alice")), 0x05, 0x00]),
        ["a DNS name that is not ASCII"] = (Nobody, Subject((CommonName, "alice")), [0x30, 0x04, 0x82, 0x02, 0xC3, 0xA9]),
        ["a letter that is not ASCII"] = ("élise", Subject((CommonName, "élise")), null),
        ["a wildcard, which is only a name"] = ("*.example", Subject(), Names((2, "*.example"))),
    };

    public static TheoryData<string> CaseNames => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(CaseNames))]
    public void Exactly_the_documented_fields_are_an_identity(string name)
    {
        var (identity, subject, alternativeNames) = Cases[name];
        using var certificate = SelfSigned(subject, alternativeNames is null ? [] : [alternativeNames]);
        Assert.Equal(identity, CertificateIdentity.Of(certificate));
    }

    [Fact]
    public async Task A_certificate_without_an_identity_connects_but_its_calls_are_unauthenticated()
    {
        await using var server = await SecureServer.StartAsync("alice produce consume\n");
        server.Process.Expects(20);
        var names = new SubjectAlternativeNameBuilder();
        names.AddEmailAddress("alice");
        var client = server.Connect(server.Authority.Client(Subject(), names.Build()));
        var refused = await Assert.ThrowsAsync<RpcException>(() => client.GetRangeAsync(new GetRangeRequest()).ResponseAsync);
        Assert.Equal((StatusCode.Unauthenticated, "client identity is required"), (refused.StatusCode, refused.Status.Detail));
    }

    private static X509Certificate2 SelfSigned(X500DistinguishedName subject, byte[][] alternativeNames)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        foreach (var names in alternativeNames)
            request.CertificateExtensions.Add(new X509Extension("2.5.29.17", names, critical: false));
        using var signed = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadCertificate(signed.RawData);
    }

    private static X500DistinguishedName Subject(params (string Type, string Value)[] parts) =>
        SubjectOf([.. parts.Select(part => ((string Type, string Value)[])[part])]);

    private static X500DistinguishedName SubjectOf(params (string Type, string Value)[][] parts)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (var part in parts)
            {
                using var set = writer.PushSetOf();
                foreach (var (type, value) in part)
                {
                    using var pair = writer.PushSequence();
                    writer.WriteObjectIdentifier(type);
                    writer.WriteCharacterString(UniversalTagNumber.UTF8String, value);
                }
            }
        }

        return new X500DistinguishedName(writer.Encode());
    }

    private static byte[] Names(params (int Tag, string Value)[] names)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (var (tag, value) in names)
                writer.WriteCharacterString(UniversalTagNumber.IA5String, value, new Asn1Tag(TagClass.ContextSpecific, tag));
        }

        return writer.Encode();
    }

    private static byte[] PrincipalNames(string name)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddUserPrincipalName(name);
        return names.Build().RawData;
    }
}
