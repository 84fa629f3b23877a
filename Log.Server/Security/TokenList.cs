using System.Security.Cryptography;
using System.Text;

namespace LogKit.Server.Security;

/// <summary>
/// Whose bearer token is whose. Only the SHA-256 of a token is kept: tokens are 32 random bytes, so there is nothing to guess and no
/// need of a slow hash. Comparing takes as long for a token that is almost right as for one that is all wrong.
/// </summary>
internal sealed class TokenList
{
    private readonly List<(byte[] Hash, string Identity)> _tokens = [];

    private TokenList()
    {
    }

    /// <summary>
    /// Reads a list of lines such as <c>alice 9f86d081...</c>: an identity, and the SHA-256 of its token in hexadecimal digits.
    /// </summary>
    /// <exception cref="FormatException">A line is wrong; the message says which, and never shows what might be a token.</exception>
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

    /// <summary>Whose token it is; null if nobody's.</summary>
    public string? IdentityOf(string token)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(token), hash);
        string? found = null;
        foreach (var (known, identity) in _tokens)
        {
            if (CryptographicOperations.FixedTimeEquals(known, hash))
                found = identity; // and on: how long it takes tells nothing
        }

        return found;
    }
}
