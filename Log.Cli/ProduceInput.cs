namespace LogKit.Cli;

/// <summary>What is to be produced, as batches: values of the command line, a file's lines, or those of the standard input.</summary>
internal sealed class ProduceInput : IAsyncDisposable
{
    private readonly Stream? _file;

    private ProduceInput(Func<CancellationToken, IAsyncEnumerable<RecordBatch>> readBatches, Stream? file = null, long? sizeBytes = null)
    {
        ReadBatches = readBatches;
        _file = file;
        SizeBytes = sizeBytes;
    }

    /// <summary>Reads it, once.</summary>
    public Func<CancellationToken, IAsyncEnumerable<RecordBatch>> ReadBatches { get; }

    /// <summary>How large it is; null where that is not known.</summary>
    public long? SizeBytes { get; }

    /// <summary>One batch, each value a record of its UTF-8 bytes.</summary>
    public static ProduceInput OfValues(string[] values) =>
        new(_ => AsyncEnumerable.Repeat(RecordBatch.OfText(values), 1));

    /// <param name="stdin">Stays open.</param>
    /// <param name="limits">The limits on batches.</param>
    public static ProduceInput OfStdin(Stream stdin, BatchLimits limits) =>
        new(new RecordLines(stdin, "the standard input", limits).ReadBatchesAsync);

    /// <exception cref="InputException">The file cannot be opened.</exception>
    public static ProduceInput OfFile(string path, BatchLimits limits)
    {
        if (Directory.Exists(path))
            throw new InputException(path, "it is a directory");
        try
        {
            var file = new FileStream(path, new FileStreamOptions { BufferSize = 0, Options = FileOptions.SequentialScan, Share = FileShare.ReadWrite | FileShare.Delete });
            var sizeBytes = file.CanSeek && file.Length > 0 ? file.Length : (long?)null;
            return new ProduceInput(new RecordLines(file, path, limits).ReadBatchesAsync, file, sizeBytes);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException(path, "there is no such file", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new InputException(path, "permission denied", exception);
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or NotSupportedException)
        {
            throw new InputException(path, exception.Message, exception);
        }
    }

    public ValueTask DisposeAsync() => _file?.DisposeAsync() ?? ValueTask.CompletedTask;
}
