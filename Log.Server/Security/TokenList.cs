using System.Security.Cryptography;
using System.Text;
using LogKit.Grpc.Access;

namespace LogKit.Server.Security;

/// <summary>
/// The identities of bearer tokens. Only the SHA-256 of a token is kept: tokens are 32 random bytes, so they cannot be guessed and need no
/// slow hash. Comparison takes constant time.
/// </summary>
internal sealed class TokenList
{
    private readonly List<(byte[] Hash, string Identity)> _tokens = [];

    private TokenList()
    {
    }

    /// <summary>
    /// Parses lines such as <c>alice 9f86d081...</c>: an identity and the SHA-256 of its token in hexadecimal.
    /// </summary>
    /// <exception cref="FormatException">A line is not valid. The message says which, and never shows what might be a token.</exception>
    public static TokenList Parse(string text)
    {
        var list = new TokenList();
        IdentityLines.ForEach(text, (identity, words) =>
        {
            if (words is not [{ Length: 2 * SHA256.HashSizeInBytes } digits] || !digits.All(char.IsAsciiHexDigit))
                throw new FormatException(
                    "must be IDENTITY and the SHA-256 of its token, 64 hexadecimal digits: `logkit token IDENTITY` makes both");
            list._tokens.Add((Convert.FromHexString(digits), identity));
        });
        return list;
    }

    /// <summary>The identity of a token; null if there is none.</summary>
    public string? IdentityOf(string token)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(token), hash);
        string? found = null;
        foreach (var (known, identity) in _tokens)
        {
            if (CryptographicOperations.FixedTimeEquals(known, hash))
                found = identity; // continue, so that the time reveals nothing
        }

        return found;
    }
}
