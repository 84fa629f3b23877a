namespace LogKit.Server.Settings;

/// <summary>How far two words are apart: for telling what a misspelt key was meant to be.</summary>
internal static class Spelling
{
    /// <summary>How many letters must be put in, left out or changed to get from one to the other, case aside (Levenshtein).</summary>
    public static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var substituted = diagonal + (char.ToUpperInvariant(one[i - 1]) == char.ToUpperInvariant(other[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[^1];
    }
}
