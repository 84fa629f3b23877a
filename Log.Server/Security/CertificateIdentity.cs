using System.Formats.Asn1;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace LogKit.Server.Security;

/// <summary>
/// The identity in a client certificate: the first URI among its subject alternative names; otherwise the first DNS name; otherwise the
/// common name of the subject, if there is exactly one. Nothing else counts: no e-mail address, no principal name, no other part of the
/// subject. A name that is ambiguous, unreadable, or not allowed in an access list identifies nobody, and no other field is tried instead.
/// </summary>
/// <remarks>Computed once per certificate, which lives as long as its connection.</remarks>
internal static class CertificateIdentity
{
    /// <summary>As long as the longest SPIFFE ID.</summary>
    private const int LengthLimit = 2048;

    private const string CommonName = "2.5.4.3";
    private const string AlternativeNames = "2.5.29.17";

    private static readonly Asn1Tag DnsName = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag Uri = new(TagClass.ContextSpecific, 6);
    private static readonly ConditionalWeakTable<X509Certificate2, string> Known = [];

    /// <summary>The identity; empty if the certificate identifies nobody.</summary>
    public static string Of(X509Certificate2 certificate) => Known.GetValue(certificate, Read);

    private static string Read(X509Certificate2 certificate)
    {
        try
        {
            var identity = AlternativeNameOf(certificate) ?? CommonNameOf(certificate) ?? "";
            return identity.Length <= LengthLimit && identity.EnumerateRunes().All(CanBeListed) ? identity : "";
        }
        catch (Exception exception) when (exception is AsnContentException or CryptographicException)
        {
            return "";
        }
    }

    private static string? AlternativeNameOf(X509Certificate2 certificate)
    {
        var extensions = certificate.Extensions.Where(extension => extension.Oid?.Value is AlternativeNames).ToList();
        if (extensions.Count > 1)
            throw new AsnContentException("there are two lists of alternative names");
        if (extensions.Count == 0)
            return null;
        string? uri = null, dns = null;
        var list = new AsnReader(extensions[0].RawData, AsnEncodingRules.DER);
        var names = list.ReadSequence();
        list.ThrowIfNotEmpty();
        while (names.HasData)
        {
            var tag = names.PeekTag();
            var name = tag == Uri || tag == DnsName ? names.ReadCharacterString(UniversalTagNumber.IA5String, tag) : null;
            if (name is null)
                names.ReadEncodedValue();
            else if (tag == Uri)
                uri ??= name;
            else
                dns ??= name;
        }

        return uri ?? dns;
    }

    /// <summary>The common name, anywhere in the subject; null if there is none.</summary>
    private static string? CommonNameOf(X509Certificate2 certificate)
    {
        string? name = null;
        var parts = new AsnReader(certificate.SubjectName.RawData, AsnEncodingRules.DER).ReadSequence();
        while (parts.HasData)
        {
            var values = parts.ReadSetOf();
            while (values.HasData)
            {
                var value = values.ReadSequence();
                if (value.ReadObjectIdentifier() is not CommonName)
                    continue;
                if (name is not null)
                    throw new AsnContentException("there are two common names");
                name = ReadText(value);
            }
        }

        return name;
    }

    private static string ReadText(AsnReader reader)
    {
        var tag = reader.PeekTag();
        var type = (UniversalTagNumber)tag.TagValue;

        // Not TeletexString, whose bytes different readers decode differently.
        return
            tag.TagClass is TagClass.Universal
            && type
                is UniversalTagNumber.UTF8String
                    or UniversalTagNumber.PrintableString
                    or UniversalTagNumber.IA5String
                    or UniversalTagNumber.BMPString
            ? reader.ReadCharacterString(type)
            : throw new AsnContentException("the common name is not text of a known encoding");
    }

    /// <summary>Whether the name can appear in an access list, and is unambiguous to a reader of the list or journal.</summary>
    private static bool CanBeListed(Rune rune) =>
        !Rune.IsWhiteSpace(rune)
        && Rune.GetUnicodeCategory(rune)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.PrivateUse
                or UnicodeCategory.OtherNotAssigned)
        && rune != Rune.ReplacementChar;
}
