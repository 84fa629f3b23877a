using System.IO.Compression;
using Grpc.Net.Compression;
using LogKit.Grpc.Errors;

namespace LogKit.Grpc.Guard;

/// <summary>
/// A message compression that reports data that cannot be decompressed, or becomes too large, with a status of the catalog.
/// </summary>
internal sealed class CheckedCompression(ICompressionProvider provider, int limitBytes) : ICompressionProvider
{
    /// <summary>The supported encodings.</summary>
    public static IReadOnlyList<string> Names { get; } = ["gzip", "deflate"];

    public string EncodingName => provider.EncodingName;

    public static IEnumerable<ICompressionProvider> All(int limitBytes) =>
    [
        new CheckedCompression(new GzipCompressionProvider(CompressionLevel.Fastest), limitBytes),
        new CheckedCompression(new DeflateCompressionProvider(CompressionLevel.Fastest), limitBytes),
    ];

    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        provider.CreateCompressionStream(stream, compressionLevel);

    public Stream CreateDecompressionStream(Stream stream) =>
        new CheckedStream(provider.CreateDecompressionStream(stream), provider.EncodingName, limitBytes);

    private sealed class CheckedStream(Stream decompressed, string encoding, int limitBytes) : Stream
    {
        private long _bytes;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int read;
            try
            {
                read = decompressed.Read(buffer);
            }
            catch (Exception exception) when (exception is InvalidDataException or IOException)
            {
                throw CallStatus.MalformedRequest($"a message is not compressed with {encoding}, although grpc-encoding says so");
            }

            _bytes += read;
            return _bytes <= limitBytes ? read : throw CallStatus.MessageTooLarge(_bytes, limitBytes);
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                decompressed.Dispose();
            base.Dispose(disposing);
        }
    }
}
