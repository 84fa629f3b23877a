using System.Buffers.Binary;
using LogKit.Disk.Commit;
using LogKit.Disk.Format;
using LogKit.Disk.Inspection;

namespace LogKit.Tests.Disk;

/// <summary>
/// The bytes of a segment with two valid frames, which hold the offsets 0 to 2, and of a group of three frames that may follow: <see
/// cref="A"/>, which spans several sectors and ends at the end of one, and the small frames <see cref="B"/> and <see cref="C"/>.
/// </summary>
internal sealed class TailScene
{
    public const int SectorBytes = 512;
    public const int SegmentHeaderBytes = SegmentHeader.SizeBytes;
    public const int FrameHeaderBytes = FrameHeader.SizeBytes;
    public const uint Salt = 0x5EED_0001;
    public const uint OtherSalt = 0x5EED_0002;

    private const int AtLeast = 1500;

    private static readonly Guid LogId = new("5eed0000-0000-0000-0000-000000000001");

    /// <param name="sectorPosition">The position in a sector at which the valid frames end.</param>
    /// <param name="isEmpty">Whether there are no valid frames.</param>
    /// <param name="version">The version of the format.</param>
    public TailScene(int sectorPosition, bool isEmpty, uint version = 2)
    {
        Header = new SegmentHeader(0, Salt, null, version == 1 ? null : new SegmentLineage(LogId, SegmentLineage.NoSalt, 0x5EED_0003));
        if (!isEmpty)
        {
            Texts = ["first", "second", new string('x', 300)];
            Texts[2] += new string('x', (sectorPosition - Write().Length) & (SectorBytes - 1));
            Sound = Write();
        }

        var length = AtLeast + (-(Position + Frame(NextOffset, Position, new string('a', AtLeast)).Length) & (SectorBytes - 1));
        TextOfA = new string('a', length);
        Assert.Equal(0, (Position + A.Length) % SectorBytes);

        byte[] Write()
        {
            var first = Frame(0, SegmentHeaderBytes, Texts[0]);
            return [.. first, .. Frame(1, SegmentHeaderBytes + first.Length, Texts.AsSpan(1))];
        }
    }

    public SegmentHeader Header { get; }

    /// <summary>The records of the valid frames.</summary>
    public string[] Texts { get; } = [];

    /// <summary>The valid frames.</summary>
    public byte[] Sound { get; } = [];

    /// <summary>The position at which the valid frames end.</summary>
    public int Position => SegmentHeaderBytes + Sound.Length;

    public ulong NextOffset => (ulong)Texts.Length;

    public string TextOfA { get; }

    public byte[] A => Frame(NextOffset, Position, TextOfA);

    public byte[] B => Frame(NextOffset + 1, Position, "b", "b and more");

    public byte[] C => Frame(NextOffset + 3, Position, "c");

    /// <summary>The group as it is written.</summary>
    public byte[] Group => [.. A, .. B, .. C];

    public byte[] Frame(ulong offset, long flushed, params ReadOnlySpan<string> texts) => Frame(offset, flushed, RecordBatch.OfText(texts));

    public byte[] Frame(ulong offset, long flushed, RecordBatch batch) => Frame(Header.Salts, offset, flushed, batch);

    /// <summary>Returns a frame of another segment.</summary>
    public byte[] FrameOfAnother(ulong offset, long flushed, string text) =>
        Frame(
            (
                Header with
                {
                    Salt = OtherSalt,
                    Lineage = Header.Lineage is { } lineage ? lineage with { FrameSalt = OtherSalt } : null,
                }).Salts,
            offset,
            flushed,
            RecordBatch.OfText(text));

    /// <summary>Returns a frame with the checksums that it has, and with matching ones.</summary>
    public byte[][] Signed(byte[] frame)
    {
        var signed = frame.ToArray();
        if (Header.Salts.Header is { } salt)
            BinaryPrimitives.WriteUInt32LittleEndian(signed.AsSpan(28), Crc32C.Append(salt, signed.AsSpan(4..28)));
        BinaryPrimitives.WriteUInt32LittleEndian(signed, Crc32C.Append(Salt, signed.AsSpan(4)));
        return [frame, signed];
    }

    private static byte[] Frame(FrameSalts salts, ulong offset, long flushed, RecordBatch batch)
    {
        var buffer = new GroupBuffer();
        buffer.Add(batch, offset, flushed, salts);
        return buffer.Bytes.ToArray();
    }

    /// <summary>Returns the parts of a tail that each lie in one sector, from the sector of one byte to the sector of another.</summary>
    public List<Range> Sectors(byte[] tail, int first, int last)
    {
        var parts = new List<Range>();
        for (var sector = (Position + first) / SectorBytes; sector <= (Position + last) / SectorBytes; sector++)
            parts.Add(Math.Max(0, (sector * SectorBytes) - Position)..Math.Min(tail.Length, ((sector + 1) * SectorBytes) - Position));
        return parts;
    }

    /// <summary>Returns the file with a tail after the valid frames.</summary>
    public byte[] File(byte[] tail, Seal? seal, uint sealSalt)
    {
        var bytes = SegmentInspector.HeaderBytes(Header, null);
        seal?.Write(bytes.AsSpan(SegmentHeader.SealPosition), sealSalt);
        return [.. bytes, .. Sound, .. tail];
    }
}
