using System.Globalization;
using LogKit.Cli.Errors;

namespace LogKit.Cli.Records;

/// <summary>The input of produce, as batches: values of the command line, or the records of a file or of standard input.</summary>
internal sealed class ProduceInput : IAsyncDisposable
{
    private readonly string? _name; // null for values
    private readonly RecordFormat _format;
    private readonly FileStream? _file;

    private ProduceInput(
        Func<CancellationToken, IAsyncEnumerable<RecordBatch>> readBatches, string? name, RecordFormat format, FileStream? file)
    {
        ReadBatches = readBatches;
        _name = name;
        _format = format;
        _file = file;
        SizeBytes = file is { CanSeek: true, Length: > 0 and var length } ? length : null;
    }

    /// <summary>Reads the input. Can be called once.</summary>
    public Func<CancellationToken, IAsyncEnumerable<RecordBatch>> ReadBatches { get; }

    /// <summary>The size of the input; null if it is not known.</summary>
    public long? SizeBytes { get; }

    /// <summary>One batch, with a record for each value, encoded as UTF-8.</summary>
    public static ProduceInput OfValues(string[] values) =>
        new(_ => AsyncEnumerable.Repeat(RecordBatch.OfText(values), 1), name: null, RecordFormat.Lines, file: null);

    /// <param name="stdin">The stream, which stays open.</param>
    /// <param name="format">The format of records.</param>
    /// <param name="limits">The limits on batches.</param>
    public static ProduceInput OfStdin(Stream stdin, RecordFormat format, BatchLimits limits)
    {
        const string Name = "the standard input";
        return new ProduceInput(new RecordReader(stdin, Name, format, limits).ReadBatchesAsync, Name, format, file: null);
    }

    /// <summary>Opens a file. Blocks while a named pipe has no writer.</summary>
    /// <exception cref="CommandException">The file cannot be opened.</exception>
    public static ProduceInput OfFile(string path, RecordFormat format, BatchLimits limits)
    {
        if (Directory.Exists(path))
            throw CommandException.CannotRead(path, "it is a directory");
        try
        {
            var file = new FileStream(
                path,
                new FileStreamOptions
                {
                    BufferSize = 0,
                    Options = FileOptions.SequentialScan,
                    Share = FileShare.ReadWrite | FileShare.Delete,
                });
            return new ProduceInput(new RecordReader(file, path, format, limits).ReadBatchesAsync, path, format, file);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw CommandException.CannotRead(path, "it does not exist", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw CommandException.CannotRead(path, "permission denied", exception);
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or NotSupportedException)
        {
            throw CommandException.CannotRead(path, exception.Message, exception);
        }
    }

    /// <summary>The place of records in the input, counted from 1: <c>lines 1 to 500 of words.txt</c>; null for values.</summary>
    public string? PlaceOf(ulong first, ulong last) => _name is null ? null
        : _format.Delimiter is null ? _name
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{_format.Noun}{(first == last ? "" : "s")} {first}{(first == last ? "" : $" to {last}")} of {_name}");

    /// <summary>What to do about a record that cannot be produced, when everything before it is stored.</summary>
    /// <param name="remedy">What to do with the record first.</param>
    /// <param name="stored">The number of stored records.</param>
    public string Advice(string remedy, ulong stored)
    {
        if (_format.Delimiter is null)
            return $"; nothing is stored: {remedy}";
        var result =
            stored == 0
                ? "nothing is stored"
                : $"{PlaceOf(1, stored)} {(stored == 1 ? "is" : "are")} stored and nothing after {(stored == 1 ? "it" : "them")}";
        var resumption =
            _file is null || _format.Delimiter is not (byte)'\n'
                ? ""
                : $": tail -n +{stored + 1} {Quoted(_name!)} | logkit produce{(_format == RecordFormat.Json ? " --format json" : "")}";
        return string.Create(
            CultureInfo.InvariantCulture, $"; {result}: {remedy}, then go on from {_format.Noun} {stored + 1}{resumption}");
    }

    public ValueTask DisposeAsync() => _file?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>Quotes a path as one word for a shell.</summary>
    private static string Quoted(string path) =>
        path.All(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-') && !path.StartsWith('-')
            ? path
            : $"{(path.StartsWith('-') ? "-- " : "")}'{path.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
