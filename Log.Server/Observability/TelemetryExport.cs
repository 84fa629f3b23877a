using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace LogKit.Server.Observability;

/// <summary>
/// Sends the deployable server's metrics and traces to a collector over OTLP, where OpenTelemetry's own variables
/// (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c> and the others) say so. Without them it adds nothing, and nothing is connected to.
/// </summary>
internal static class TelemetryExport
{
    /// <summary>With this, the name of every variable of OpenTelemetry begins.</summary>
    public const string VariablePrefix = "OTEL_";

    private const string EndPoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string MetricsEndPoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    private const string TracesEndPoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    /// <summary>The source of an activity for each call.</summary>
    private const string CallSource = "Microsoft.AspNetCore";

    /// <summary>The meters of the service and of whatever backend there is.</summary>
    private const string Meters = "LogKit.*";

    /// <exception cref="SettingException">An endpoint is given, and is none.</exception>
    public static void AddTelemetryExport(this IServiceCollection services, IConfiguration configuration, string version)
    {
        var general = AddressIn(configuration, EndPoint);
        var ofMetrics = AddressIn(configuration, MetricsEndPoint);
        var ofTraces = AddressIn(configuration, TracesEndPoint);
        if ((general ?? ofMetrics ?? ofTraces) is null)
            return;

        var telemetry = services.AddOpenTelemetry().ConfigureResource(resource => resource
            .AddService("logkit", serviceVersion: version)
            .AddEnvironmentVariableDetector()); // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word
        if ((ofMetrics ?? general) is not null)
            telemetry.WithMetrics(metrics => metrics.AddMeter(Meters).AddOtlpExporter(Towards(ofMetrics)));
        if ((ofTraces ?? general) is not null)
            telemetry.WithTracing(traces => traces.AddSource(CallSource).AddOtlpExporter(Towards(ofTraces)));
    }

    /// <summary>The library reads the general variable by itself, and those of one kind of telemetry not.</summary>
    private static Action<OtlpExporterOptions> Towards(Uri? ofOneKind) => options =>
    {
        if (ofOneKind is not null)
            options.Endpoint = ofOneKind;
    };

    /// <summary>
    /// The endpoint that a variable gives, if any. The library would go to its default instead of one that it cannot read.
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
