using System.Formats.Asn1;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;

namespace LogKit.Grpc.Security;

/// <summary>
/// Who a client certificate says that its holder is: the first URI among its subject alternative names, else the first DNS name,
/// else the common name. Read once a certificate, which lives as long as its connection.
/// </summary>
internal static class CertificateIdentity
{
    private static readonly Asn1Tag DnsName = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag Uri = new(TagClass.ContextSpecific, 6);
    private static readonly ConditionalWeakTable<X509Certificate2, string> Known = [];

    /// <summary>The identity; empty where the certificate names nobody.</summary>
    public static string Of(X509Certificate2 certificate) => Known.GetValue(certificate, Read);

    private static string Read(X509Certificate2 certificate)
    {
        var (uri, dns) = AlternativeNames(certificate);
        var identity = uri ?? dns ?? certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        return identity.Any(letter => char.IsWhiteSpace(letter) || char.IsControl(letter)) ? "" : identity; // no line of a list could name it
    }

    private static (string? Uri, string? Dns) AlternativeNames(X509Certificate2 certificate)
    {
        string? uri = null, dns = null;
        if (certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault() is { } extension)
        {
            try
            {
                var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
                while (names.HasData)
                {
                    var tag = names.PeekTag();
                    if (tag.HasSameClassAndValue(Uri))
                        uri ??= names.ReadCharacterString(UniversalTagNumber.IA5String, Uri);
                    else if (tag.HasSameClassAndValue(DnsName))
                        dns ??= names.ReadCharacterString(UniversalTagNumber.IA5String, DnsName);
                    else
                        names.ReadEncodedValue();
                }
            }
            catch (AsnContentException)
            {
                return default; // names that cannot be read name nobody: the common name is what is left
            }
        }

        return (uri, dns);
    }
}
