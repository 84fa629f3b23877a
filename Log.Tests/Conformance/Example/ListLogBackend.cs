// ListLogBackend.cs
using LogKit.Server;

namespace Example;

/// <summary>A log of your own in the complete server.</summary>
public sealed class ListLogBackend : ILogBackend
{
    public string Name => "List";

    public ValueTask<OpenedLog> OpenAsync(SettingValues settings) => ValueTask.FromResult(new OpenedLog(new ListLog()));
}
