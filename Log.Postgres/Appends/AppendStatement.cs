using LogKit.Postgres.Storage;
using Npgsql;
using NpgsqlTypes;

namespace LogKit.Postgres.Appends;

/// <summary>A prepared statement that appends a group in a transaction of its own.</summary>
internal abstract class AppendStatement : IAsyncDisposable
{
    private readonly NpgsqlCommand _command;
    private readonly NpgsqlParameter<Guid> _appendId = new() { NpgsqlDbType = NpgsqlDbType.Uuid };
    private readonly NpgsqlParameter<int[]> _counts = ArrayOf<int>(NpgsqlDbType.Integer);
    private readonly NpgsqlParameter<int[]> _checksums = ArrayOf<int>(NpgsqlDbType.Integer);
    private readonly NpgsqlParameter<ReadOnlyMemory<byte>[]> _payloads = ArrayOf<ReadOnlyMemory<byte>>(NpgsqlDbType.Bytea);

    private readonly AppendPayloads _sent = new();
    private readonly LogTable _table;

    private AppendStatement(string text, NpgsqlConnection connection, LogTable table)
    {
        _table = table;
        _command = new NpgsqlCommand(text, connection)
        {
            Parameters = { new NpgsqlParameter<long> { TypedValue = table.Id }, _appendId, _counts, _checksums, _payloads },
        };
    }

    public Task PrepareAsync() => _command.PrepareAsync();

    /// <summary>
    /// Appends a group durably. Returns the offset of each append; if it expected another offset, the one it would have been given.
    /// </summary>
    public async Task<ulong[]> ExecuteAsync(AppendGroup group)
    {
        _sent.Fill(group);
        (_appendId.TypedValue, _counts.TypedValue, _checksums.TypedValue, _payloads.TypedValue) =
            (group.Id, _sent.Counts, _sent.Checksums, _sent.Payloads);
        Fill(group);
        var answer = await Commit.RunAsync(_command, command => command.ExecuteScalarAsync()).ConfigureAwait(false);
        _payloads.TypedValue = [];
        _sent.Clear();
        return OffsetsIn(answer is null or DBNull ? throw _table.RowIsGone() : answer, group);
    }

    public ValueTask DisposeAsync() => _command.DisposeAsync();

    protected abstract void Fill(AppendGroup group);

    protected abstract ulong[] OffsetsIn(object answer, AppendGroup group);

    private static NpgsqlParameter<T[]> ArrayOf<T>(NpgsqlDbType type) => new() { NpgsqlDbType = NpgsqlDbType.Array | type };

    /// <summary>For a group in which no append expects an offset.</summary>
    internal sealed class Plain : AppendStatement
    {
        private readonly NpgsqlParameter<long> _records = new();
        private readonly NpgsqlParameter<long> _bytes = new();
        private readonly NpgsqlParameter<long[]> _offsets = ArrayOf<long>(NpgsqlDbType.Bigint);
        private readonly NpgsqlParameter<long[]> _positions = ArrayOf<long>(NpgsqlDbType.Bigint);

        public Plain(NpgsqlConnection connection, LogTable table)
            : base(table.Statements.Append, connection, table) =>
            _command.Parameters.AddRange(new NpgsqlParameter[] { _records, _bytes, _offsets, _positions });

        protected override void Fill(AppendGroup group)
        {
            var (offsets, positions) = (new long[group.Appends.Count], new long[group.Appends.Count]);
            for (var i = 1; i < offsets.Length; i++)
            {
                offsets[i] = offsets[i - 1] + group.Appends[i - 1].Batch.Count;
                positions[i] = positions[i - 1] + group.Appends[i - 1].Batch.SizeBytes;
            }

            (_records.TypedValue, _bytes.TypedValue, _offsets.TypedValue, _positions.TypedValue) =
                (group.RecordCount, group.SizeBytes, offsets, positions);
        }

        protected override ulong[] OffsetsIn(object answer, AppendGroup group) => group.OffsetsFrom((ulong)(long)answer);
    }

    /// <summary>For a group in which some appends expect an offset.</summary>
    internal sealed class Conditional : AppendStatement
    {
        private readonly NpgsqlParameter<long?[]> _expected = ArrayOf<long?>(NpgsqlDbType.Bigint);

        public Conditional(NpgsqlConnection connection, LogTable table)
            : base(table.Statements.AppendConditionally, connection, table) =>
            _command.Parameters.Add(_expected);

        // An append cannot get an offset beyond the range of bigint.
        protected override void Fill(AppendGroup group) => _expected.TypedValue =
            [.. group.Appends.Select(append => append.ExpectedOffset is { } offset ? (long)Math.Min(offset, long.MaxValue) : (long?)null)];

        protected override ulong[] OffsetsIn(object answer, AppendGroup group) =>
            Array.ConvertAll((long[])answer, static offset => (ulong)offset);
    }
}
