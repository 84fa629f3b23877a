using LogKit.Client;
using LogKit.Server;
using LogKit.Server.Settings;
using LogKit.Tests.Support;

namespace LogKit.Tests.Hosting;

/// <summary>A third-party log in the complete server: the example in Log.Conformance/README.md, in a separate process.</summary>
public sealed class OwnBackendTests
{
    [Fact]
    public async Task A_custom_log_is_served_probed_and_drained()
    {
        using var server = ServerProcess.StartProgram(
            "LogKit.Tests.dll", "--Log:Address=http://127.0.0.1:0", "--Log:ManagementAddress=http://127.0.0.1:0");
        await using (var log = GrpcLog.Connect(await server.AddressAsync()))
        {
            Assert.Equal(0ul, await log.AppendBatchAsync(RecordBatch.OfText("mine")));
            Assert.Equal(["mine"], await log.ReadAllTextAsync());
        }

        server.Signal("TERM");
        Assert.Equal((0, ""), (await server.ExitCodeAsync(), server.Errors));
    }

    [Fact]
    public async Task It_has_its_own_settings_and_none_of_the_other_backends()
    {
        using var help = ServerProcess.StartProgram("LogKit.Tests.dll", "--help");
        Assert.Equal(0, await help.ExitCodeAsync());
        Assert.Contains("where the log is kept: List (default List)", help.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("  Log:Directory ", help.Output, StringComparison.Ordinal);
        using var disk = ServerProcess.StartProgram("LogKit.Tests.dll", "--Log:Backend=Disk");
        Assert.Equal(1, await disk.ExitCodeAsync());
        Assert.Equal("error: Log:Backend=Disk: must be List", disk.Errors.Trim());
    }

    [Fact]
    public void Two_settings_with_the_same_name_are_a_programming_error()
    {
        var exception = Assert.Throws<ArgumentException>(() => new SettingTable([new Clashing()]));
        Assert.StartsWith("two settings are named Address", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_about_a_secret_setting_does_not_show_its_value()
    {
        var values = new SettingValues();
        values.Add(Clashing.Secret, "password");
        Assert.Equal("Log:Secret: is wrong", values.Wrong(Clashing.Secret, "is wrong").Message);
        Assert.Equal("password", values.Get(Clashing.Secret));
    }

    private sealed class Clashing : ILogBackend
    {
        public static readonly Setting<string?> Secret = Setting.OptionalWords("Secret", "a secret", "anything", isSecret: true);

        public string Name => "Clashing";

        public IReadOnlyList<Setting> Settings { get; } = [Setting.Switch("address", "another")];

        public ValueTask<OpenedLog> OpenAsync(SettingValues settings) => throw new NotSupportedException();
    }
}
