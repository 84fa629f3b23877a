using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LogKit.Server.Observability;

/// <summary>
/// Sends the metrics and traces of the deployable server to a collector over OTLP if the variables of OpenTelemetry
/// (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c> and others) are set. Without them, it does nothing and connects to nothing.
/// </summary>
internal static class TelemetryExport
{
    /// <summary>The prefix of all variables of OpenTelemetry.</summary>
    public const string VariablePrefix = "OTEL_";

    private const string EndPoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string MetricsEndPoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    private const string TracesEndPoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    /// <summary>The source of the activity for each call.</summary>
    private const string CallSource = "Microsoft.AspNetCore";

    /// <summary>The meters of the service and the backends.</summary>
    private const string Meters = "LogKit.*";

    /// <exception cref="SettingException">An endpoint is not valid.</exception>
    public static void AddTelemetryExport(this IServiceCollection services, IConfiguration configuration, string version)
    {
        var general = AddressIn(configuration, EndPoint);
        var ofMetrics = AddressIn(configuration, MetricsEndPoint);
        var ofTraces = AddressIn(configuration, TracesEndPoint);
        if ((general ?? ofMetrics ?? ofTraces) is null)
            return;

        var telemetry = services.AddOpenTelemetry().ConfigureResource(resource => resource
            .AddService("logkit", serviceVersion: version)
            .AddEnvironmentVariableDetector()); // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence
        if ((ofMetrics ?? general) is not null)
            telemetry.WithMetrics(metrics => metrics.AddMeter(Meters).AddOtlpExporter(Towards(ofMetrics)));
        if ((ofTraces ?? general) is not null)
            telemetry.WithTracing(traces => traces.AddSource(CallSource).AddOtlpExporter(Towards(ofTraces)));
    }

    /// <summary>Sets the endpoint for one kind of telemetry. The library itself reads only the general variable.</summary>
    private static Action<OtlpExporterOptions> Towards(Uri? ofOneKind) => options =>
    {
        if (ofOneKind is not null)
            options.Endpoint = ofOneKind;
    };

    /// <summary>
    /// The endpoint in a variable, if it is set. The library would use its default instead of an invalid one.
    /// </summary>
    private static Uri? AddressIn(IConfiguration configuration, string variable)
    {
        var value = configuration[variable];
        if (string.IsNullOrEmpty(value))
            return null;
        return Uri.TryCreate(value, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            ? uri
            : throw new SettingException(variable, value, "must be http://ADDRESS:PORT or https://ADDRESS:PORT");
    }
}
