using System.Globalization;
using System.Text;

namespace LogKit.Cli;

/// <summary>Lines of text on the standard output, the same in every country.</summary>
internal sealed class LineOutput(Stream output)
{
    private readonly RecordOutput _lines = new(output);

    /// <exception cref="OutputException">The output cannot be written.</exception>
    public ValueTask WriteLineAsync(FormattableString line) =>
        _lines.WriteAsync(new Record(Encoding.UTF8.GetBytes(line.ToString(CultureInfo.InvariantCulture))));

    /// <exception cref="OutputException">The output cannot be written.</exception>
    public ValueTask FlushAsync() => _lines.FlushAsync();
}
