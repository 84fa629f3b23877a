// What the server and client packages ask of a message compression: a name on the wire and a stream in each direction.
using System.IO.Compression;

namespace Grpc.Net.Compression;

public interface ICompressionProvider
{
    /// <summary>The value of the <c>grpc-encoding</c> header.</summary>
    string EncodingName { get; }

    /// <summary>A stream that compresses into <paramref name="stream"/>, which stays open when the result is disposed.</summary>
    Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel);

    Stream CreateDecompressionStream(Stream stream);
}
