using System.Text;
using Google.Rpc;
using Grpc.Core;
using LogKit.V1;

namespace LogKit.Tests.Support;

/// <summary>Everything that a client learns about a failure, as text for a snapshot.</summary>
internal static class StatusText
{
    public static string Of(RpcException failure)
    {
        var text = new StringBuilder();
        text.AppendLine($"status:  {failure.StatusCode}");
        text.AppendLine($"message: {failure.Status.Detail}");
        var trailers = failure.Trailers.Select(entry => entry.Key).Where(key => key is not ("date" or "server")).Order();
        text.AppendLine($"trailers: {string.Join(", ", trailers)}");
        if (failure.Trailers.GetValueBytes(ErrorReasons.TrailerName) is { } bytes)
        {
            var details = Google.Rpc.Status.Parser.ParseFrom(bytes);
            Assert.Equal(((int)failure.StatusCode, failure.Status.Detail), (details.Code, details.Message));
            var info = Assert.Single(details.Details).Unpack<ErrorInfo>();
            text.AppendLine($"reason:  {info.Domain} {info.Reason}");
            foreach (var (key, value) in info.Metadata.OrderBy(entry => entry.Key, StringComparer.Ordinal))
                text.AppendLine($"  {key}: {(key is ErrorReasons.Keys.TraceId ? "(of this call)" : value)}");
        }

        return text.ToString().ReplaceLineEndings("\n").TrimEnd('\n');
    }

    public static ErrorInfo? InfoOf(RpcException failure) =>
        failure.Trailers.GetValueBytes(ErrorReasons.TrailerName) is { } bytes
            ? Google.Rpc.Status.Parser.ParseFrom(bytes).Details.Single().Unpack<ErrorInfo>() : null;
}
