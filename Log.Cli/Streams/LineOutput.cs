using System.Globalization;
using System.Text;
using LogKit.Cli.Errors;
using LogKit.Cli.Records;

namespace LogKit.Cli.Streams;

/// <summary>Lines of text on the standard output, the same in every country.</summary>
internal sealed class LineOutput(Stream output)
{
    private readonly RecordWriter _lines = new(output, RecordFormat.Lines);

    /// <exception cref="OutputException">The output cannot be written.</exception>
    public ValueTask WriteLineAsync(FormattableString line) =>
        _lines.WriteAsync(offset: 0, new Record(Encoding.UTF8.GetBytes(line.ToString(CultureInfo.InvariantCulture))));

    /// <exception cref="OutputException">The output cannot be written.</exception>
    public ValueTask FlushAsync() => _lines.FlushAsync();
}
