namespace LogKit.Server.Security;

/// <summary>
/// The form that the access list and the tokens file share: a line an identity, <c>IDENTITY WORD ...</c>, parted by blanks;
/// <c>#</c> begins a comment where a word could begin, and blank lines mean nothing.
/// </summary>
internal static class IdentityLines
{
    private static readonly char[] Blanks = [' ', '\t', '\r'];

    /// <exception cref="FormatException">What <paramref name="take"/> throws, with the number of the line before it.</exception>
    public static void ForEach(string text, Action<string, string[]> take)
    {
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            var words = line.Split(Blanks, StringSplitOptions.RemoveEmptyEntries).TakeWhile(word => !word.StartsWith('#')).ToArray();
            if (words.Length == 0)
                continue;
            try
            {
                take(words[0], words[1..]);
            }
            catch (FormatException exception)
            {
                throw new FormatException($"line {number}: {exception.Message}", exception);
            }
        }
    }
}
