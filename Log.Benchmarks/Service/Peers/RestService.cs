using System.Text.Json.Serialization;

namespace LogKit.Benchmarks.Service.Peers;

/// <summary>The alternative that users would write themselves: JSON over HTTP/1.1, one record per POST, on any log.</summary>
internal static class RestService
{
    public const string Path = "/records";

    internal sealed record Appending(byte[] Value);

    internal sealed record Appended(ulong Offset);

    public static void MapRest(this IEndpointRouteBuilder endpoints, ILog log) =>
        endpoints.MapPost(Path, async (Appending request, CancellationToken stop) =>
            new Appended(await log.AppendBatchAsync(new RecordBatch(new Record(request.Value)), cancellationToken: stop)));
}

/// <summary>Source-generated serializers, the fastest form of JSON in .NET.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RestService.Appending))]
[JsonSerializable(typeof(RestService.Appended))]
internal sealed partial class RestJson : JsonSerializerContext;
