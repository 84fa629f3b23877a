using System.Net.Security;
using System.Security.Authentication;
using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;
using LogKit.Server.Observability;
using LogKit.Server.Settings;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace LogKit.Server.Security;

/// <summary>
/// The security of the server, configured by files: TLS, with the certificate in force when a client connects, and access control for every
/// call. Without files, there is neither.
/// </summary>
internal sealed class ServerSecurity
{
    private readonly ReloadedFiles<SslStreamCertificateContext>? _certificate;
    private readonly ReloadedFiles<ClientAuthority>? _authority;
    private readonly AccessGate? _gate;
    private readonly ServerSettings _settings;

    /// <exception cref="SettingException">A file cannot be read or used.</exception>
    public ServerSecurity(ServerSettings settings)
    {
        _settings = settings;
        var files = settings.Files;
        if (!settings.IsTls)
            return;
        _certificate = Open(SettingTable.CertificateFile, [files.Certificate!, files.Key!], pem => ServerCertificate.Parse(pem[0], pem[1]));
        if (files.ClientCa is not null)
            _authority = Open(SettingTable.ClientCaFile, [files.ClientCa], pem => ClientAuthority.Parse(pem[0]));
        var tokens = files.Tokens is null ? null : Open(SettingTable.TokensFile, [files.Tokens], text => TokenList.Parse(text[0]));
        if (files.Access is not null)
            _gate = new AccessGate(tokens, Open(SettingTable.AccessFile, [files.Access], text => AccessList.Parse(text[0])));
    }

    /// <summary>All files that are checked for changes.</summary>
    public List<IReloadedFiles> Watched { get; } = [];

    /// <summary>A short description for the journal.</summary>
    public string Summary => (_settings.IsTls, _authority, _gate) switch
    {
        (false, _, _) => "plaintext HTTP/2",
        (true, _, null) => "TLS, open to anybody",
        (true, null, _) => "TLS, with tokens",
        _ => _settings.Files.Tokens is null ? "mutual TLS" : "mutual TLS, or tokens",
    };

    public void AddTo(IServiceCollection services)
    {
        if (_gate is not null)
            services.AddSingleton(_gate);
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<FileWatcher>(provider, Watched, _settings.ReloadIntervalMs));
        services.AddHostedService(provider => provider.GetRequiredService<FileWatcher>());
    }

    public void UseIn(IApplicationBuilder app)
    {
        if (_gate is not null)
            app.UseMiddleware<AccessMiddleware>();
    }

    public void Secure(ListenOptions listen)
    {
        if (_certificate is null)
            return;
        var journal = listen.ApplicationServices.GetRequiredService<ILogger<ServerSecurity>>();
        var reports = listen.ApplicationServices.GetRequiredService<StrangerReports>();
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = TimeSpan.FromMilliseconds(_settings.Transport.HandshakeLimitMs),
            OnConnection = connection =>
            {
                var options = new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = _certificate.Value,
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                    AllowRenegotiation = false,
                };
                _authority?.Value.Require(options, (subject, problem) =>
                {
                    if (reports.MaySay(StrangerEvent.CertificateRefused))
                        journal.LogCertificateRefused(new ForeignText(subject), problem);
                });
                return ValueTask.FromResult(options);
            },
        });
    }

    private ReloadedFiles<T> Open<T>(Setting setting, string[] paths, Func<string[], T> parse)
        where T : class
    {
        try
        {
            var watched = new ReloadedFiles<T>(paths, parse);
            Watched.Add(watched);
            return watched;
        }
        catch (Exception exception) when (exception is FormatException or IOException or UnauthorizedAccessException)
        {
            throw _settings.Values.Wrong(setting, exception.Message);
        }
    }
}
