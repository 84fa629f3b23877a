namespace LogKit.Server.Security;

/// <summary>The files that say who may connect and who may do what; null for what is not configured.</summary>
internal sealed record SecurityFiles
{
    public string? Certificate { get; init; }

    public string? Key { get; init; }

    public string? ClientCa { get; init; }

    public string? Tokens { get; init; }

    public string? Access { get; init; }
}
