using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;

namespace LogKit.Grpc.Guard;

/// <summary>The response body of a call. Records in the call when it waits for the client to take data.</summary>
internal sealed class GuardedWriter(GuardedCall call) : PipeWriter, IHttpResponseBodyFeature
{
    private IHttpResponseBodyFeature _body = null!; // of the current call
    private PipeWriter _pipe = null!;

    public Stream Stream => _body.Stream;

    public PipeWriter Writer => this;

    public override bool CanGetUnflushedBytes => _pipe.CanGetUnflushedBytes;

    public override long UnflushedBytes => _pipe.UnflushedBytes;

    public void Begin(HttpContext http)
    {
        _body = http.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        _pipe = _body.Writer;
        http.Features.Set<IHttpResponseBodyFeature>(this);
    }

    public override void Advance(int bytes) => _pipe.Advance(bytes);

    public override Memory<byte> GetMemory(int sizeHint = 0) => _pipe.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _pipe.GetSpan(sizeHint);

    public override void CancelPendingFlush() => _pipe.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => _pipe.Complete(exception);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        var flushing = _pipe.FlushAsync(cancellationToken);
        return flushing.IsCompleted ? flushing : AwaitAsync(flushing);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        var writing = _pipe.WriteAsync(source, cancellationToken);
        return writing.IsCompleted ? writing : AwaitAsync(writing);
    }

    public void DisableBuffering() => _body.DisableBuffering();

    public Task StartAsync(CancellationToken cancellationToken = default) => _body.StartAsync(cancellationToken);

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default) =>
        _body.SendFileAsync(path, offset, count, cancellationToken);

    public Task CompleteAsync() => _body.CompleteAsync();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<FlushResult> AwaitAsync(ValueTask<FlushResult> flushing)
    {
        call.BeginWriting();
        try
        {
            return await flushing;
        }
        finally
        {
            call.EndWriting();
        }
    }
}
