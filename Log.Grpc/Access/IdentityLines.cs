namespace LogKit.Grpc.Access;

/// <summary>
/// The format of the access list and the tokens file: one identity per line, <c>IDENTITY WORD ...</c>, separated by blanks. A <c>#</c> at
/// the start of a word begins a comment. Blank lines are ignored.
/// </summary>
internal static class IdentityLines
{
    private static readonly char[] Blanks = [' ', '\t', '\r'];

    /// <exception cref="FormatException"><paramref name="take"/> threw it. The message is prefixed with the line number.</exception>
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
