using System.IO.Pipelines;

namespace LogKit.Server.Connections;

/// <summary>
/// The transport of a connection that outlives its user: completing either side takes effect only in <see cref="CompleteAsync"/>.
/// </summary>
internal sealed class LingeringTransport(IDuplexPipe transport) : IDuplexPipe
{
    private readonly Reader _input = new(transport.Input);
    private readonly Writer _output = new(transport.Output);

    public PipeReader Input => _input;

    public PipeWriter Output => _output;

    /// <summary>Completes both sides in the way that the user completed them.</summary>
    public async Task CompleteAsync()
    {
        await transport.Input.CompleteAsync(_input.Failure);
        await transport.Output.CompleteAsync(_output.Failure);
    }

    private sealed class Reader(PipeReader reader) : PipeReader
    {
        public Exception? Failure { get; private set; }

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            reader.ReadAsync(cancellationToken);

        public override bool TryRead(out ReadResult result) => reader.TryRead(out result);

        public override void AdvanceTo(SequencePosition consumed) => reader.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => reader.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => reader.CancelPendingRead();

        public override void Complete(Exception? exception = null) => Failure ??= exception;
    }

    private sealed class Writer(PipeWriter writer) : PipeWriter
    {
        public Exception? Failure { get; private set; }

        public override bool CanGetUnflushedBytes => writer.CanGetUnflushedBytes;

        public override long UnflushedBytes => writer.UnflushedBytes;

        public override Memory<byte> GetMemory(int sizeHint = 0) => writer.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => writer.GetSpan(sizeHint);

        public override void Advance(int bytes) => writer.Advance(bytes);

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
            writer.FlushAsync(cancellationToken);

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
            writer.WriteAsync(source, cancellationToken);

        public override void CancelPendingFlush() => writer.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => Failure ??= exception;
    }
}
