using Grpc.Core;
using Grpc.Net.Client;
using LogKit.Client;
using LogKit.Tests.Support;
using LogKit.V1;
using Npgsql;

namespace LogKit.Tests.Postgres;

/// <summary>The server on PostgreSQL as its operator sees it: messages, invalid settings, and secrets that are never shown.</summary>
[UsesVerify]
public sealed class ServerOnPostgresTests
{
    private const string Secret = "a-secret-that-nobody-sees";

    private readonly string _name = $"server_{Guid.NewGuid():N}";

    [PostgresFact]
    public async Task The_server_serves_the_log_with_the_configured_name_and_keeps_it()
    {
        for (var run = 0ul; run < 2; run++)
        {
            using var server = Start(PostgresCluster.Shared.ConnectionString, "--Log:BatchLimitBytes=1024");
            await using var log = GrpcLog.Connect(await server.AddressAsync());
            Assert.Equal(run, await log.AppendBatchAsync(RecordBatch.OfText($"{run}")));
            await Assert.ThrowsAsync<BatchTooLargeException>(() =>
                log.AppendBatchAsync(new RecordBatch(new Record(new byte[1024]))).AsTask());
            server.Signal("TERM");
            Assert.Equal(0, await server.ExitCodeAsync());
            Assert.Contains($"data in log {_name} of PostgreSQL ", server.Output, StringComparison.Ordinal);
            Assert.Contains($": range [0, {run})", server.Output, StringComparison.Ordinal);
            Assert.DoesNotContain(PostgresCluster.Password, server.Output, StringComparison.Ordinal);
            Assert.Empty(server.Errors);
        }
    }

    [PostgresFact]
    public async Task A_setting_that_weakens_acknowledgments_is_a_warning_in_the_journal()
    {
        using var server = Start(PostgresCluster.Shared.ConnectionString + ";Options=-c synchronous_commit=off");
        server.Expects(15);
        await server.AddressAsync();
        await server.SaysAsync(
            "warn: LogKit[15] the database's setting synchronous_commit is off: a crash of the database can lose acknowledged records");
    }

    [PostgresFact]
    public async Task Retention_settings_remove_the_oldest_records()
    {
        using (var unlimited = Start(PostgresCluster.Shared.ConnectionString))
        {
            await using var log = GrpcLog.Connect(await unlimited.AddressAsync());
            for (var i = 0; i < 4; i++)
                await log.AppendBatchAsync(new RecordBatch(new Record(new byte[60_000])));
        }

        using var server = Start(
            PostgresCluster.Shared.ConnectionString, "--Log:SegmentLimitBytes=65536", "--Log:RetentionLimitBytes=131072");
        await using var limited = GrpcLog.Connect(await server.AddressAsync());
        await Poll.UntilAsync(async () => (await limited.GetRangeAsync()).StartOffset == 2, "retention");
    }

    public static TheoryData<string, string, string> WrongConnections => new()
    {
        { "Password", Secret, "the database refuses the password of user \"postgres\"" },
        { "Database", "missing", "there is no database \"missing\"" },
        { "Port", "1", "the database cannot be reached: Failed to connect to 127.0.0.1:1" },
    };

    [PostgresTheory]
    [MemberData(nameof(WrongConnections))]
    public async Task An_unusable_database_is_a_one_line_error_with_exit_code_1(string key, string value, string problem)
    {
        var connection = new NpgsqlConnectionStringBuilder(PostgresCluster.Shared.ConnectionString) { [key] = value };
        await AssertRefusedAsync(Start(connection.ConnectionString), $"error: Log:ConnectionString: {problem}");
    }

    [PostgresFact]
    public async Task A_database_that_is_too_old_is_a_one_line_error_with_exit_code_1()
    {
        var version = ((string)(await PostgresCluster.Shared.ExecuteAsync("show server_version"))!).Split(' ', '.');
        await using var proxy = OldServer.Start();
        await AssertRefusedAsync(
            Start(PostgresCluster.ConnectionStringAt(proxy.Port)),
            $"error: Log:ConnectionString: the database server is PostgreSQL 12.{version[1]}: the oldest supported version is 13");
    }

    [PostgresFact]
    public async Task A_user_without_privileges_is_a_one_line_error_with_exit_code_1()
    {
        await PostgresCluster.Shared.ExecuteAsync($"create database {_name}");
        await PostgresCluster.Shared.ExecuteAsync($"create role {_name} login password '{Secret}'");
        var connection = new NpgsqlConnectionStringBuilder(PostgresCluster.Shared.ConnectionString)
        {
            Database = _name,
            Username = _name,
            Password = Secret,
        };
        await AssertRefusedAsync(
            Start(connection.ConnectionString),
            $"error: Log:ConnectionString: user \"{_name}\" lacks a right that schema \"logkit\" of database \"{_name}\" takes: permission "
                + $"denied for database {_name}");
    }

    public static TheoryData<string[], string> WrongSettings =>
        new()
        {
            { ["--Log:Backend=Postgres"], "error: Log:ConnectionString: is missing: Log:Backend=Postgres requires it" },
            {
                ["--Log:Backend=Postgres", $"--Log:ConnectionString={Secret}"],
                "error: Log:ConnectionString: it is not a valid Npgsql connection string"
            },
            {
                ["--Log:Backend=Postgres", $"--Log:ConnectionString=Host=x;Pasword={Secret}"],
                "error: Log:ConnectionString: it is not a valid Npgsql connection string"
            },
            {
                ["--Log:ConnectionString="],
                "error: Log:ConnectionString: must be none, or KEY=VALUE;KEY=VALUE... as in Npgsql; never shown"
            },
            {
                [$"--Log:ConectionString={Secret}"],
                "error: Log:ConectionString: unknown setting: did you mean Log:ConnectionString?"
            },
            { [$"--Log:Directry=Host=x;Password={Secret}"], "error: Log:Directry: unknown setting: did you mean Log:Directory?" },
            { [$"--Log:ConnectionString:Password={Secret}"], "error: Log:ConnectionString:Password: unknown setting" },
            {
                [$"--ConnectionString=Password={Secret}"],
                "error: --ConnectionString=...: unknown argument: settings are given as --Log:Key=value; see --help"
            },
            {
                ["--Log:ConnectionString=Host=x;", $"Password={Secret}"],
                "error: Password=...: unknown argument: settings are given as --Log:Key=value; see --help"
            },
            { ["--Log:LogName="], "error: Log:LogName=: must be a name of at most 200 characters" },
        };

    [Theory]
    [MemberData(nameof(WrongSettings))]
    public async Task An_invalid_setting_is_a_one_line_error_and_shows_no_password(string[] arguments, string message) =>
        await AssertRefusedAsync(ServerProcess.Start(arguments), message);

    [PostgresFact]
    public async Task A_server_whose_database_is_stopped_says_unavailable_and_goes_on_when_it_is_back()
    {
        using var cluster = new PostgresCluster();
        using var server = Start(cluster.ConnectionString);
        server.Expects(63, 64);
        using var channel = GrpcChannel.ForAddress(await server.AddressAsync());
        var client = new V1.Log.LogClient(channel); // a plain client, which retries nothing
        var request = new ProduceRequest { RecordBatch = new V1.RecordBatch { Records = { new V1.Record() } } };
        Assert.Equal(0ul, (await client.ProduceAsync(request)).FirstOffset);

        cluster.Stop();
        var consumed = Assert.ThrowsAsync<RpcException>(() => client.ConsumeAsync(new ConsumeRequest()).ResponseAsync.Within("a read"));
        var asked = await Assert.ThrowsAsync<RpcException>(() =>
            client.GetRangeAsync(new GetRangeRequest()).ResponseAsync.Within("the range"));
        Assert.Equal(StatusText.Of(asked), StatusText.Of(await consumed));

        cluster.Start();
        Assert.Equal(1ul, (await client.ProduceAsync(request).ResponseAsync.Within("an append once the database is back")).FirstOffset);
        Assert.Single((await client.ConsumeAsync(new ConsumeRequest { Offset = 1 })).RecordBatch.Records);
        await Verify(StatusText.Of(asked));
    }

    private ServerProcess Start(string connectionString, params IEnumerable<string> arguments) =>
        ServerProcess.StartOnDatabase(connectionString, [$"--Log:LogName={_name}", .. arguments]);

    private static async Task AssertRefusedAsync(ServerProcess process, string message)
    {
        using var server = process;
        Assert.Equal(1, await server.ExitCodeAsync());
        Assert.Equal(message, server.Errors.TrimEnd());
        Assert.Empty(server.Output);
    }
}
