namespace LogKit.Tests.Conformance.Broken;

/// <summary>
/// The storage of a <see cref="StoredLog"/>: bytes in memory, some of which are durable. It can crash in the middle of any write or flush,
/// be cut and changed, and fail.
/// </summary>
internal sealed class Store(ulong startOffset)
{
    private readonly Lock _gate = new();
    private readonly List<byte> _content = [];
    private int _durableLength;
    private int _steps;
    private int _crashAt = int.MaxValue;
    private bool _isCrashed;

    public ulong StartOffset { get; } = startOffset;

    public bool IsBroken { get; set; }

    /// <summary>Whether a write has ever failed.</summary>
    public bool HasFailed { get; set; }

    public bool IsLocked { get; set; }

    public byte[] Content
    {
        get
        {
            lock (_gate)
                return [.. _content];
        }
    }

    public void Write(byte[] bytes) => Do(() => _content.AddRange(bytes), () => _content.AddRange(bytes[..(bytes.Length / 2)]));

    public void Flush() => Do(() => _durableLength = _content.Count, () => { });

    public void CrashSoon(int step)
    {
        lock (_gate)
            _crashAt = _steps + step;
    }

    public void Crash()
    {
        lock (_gate)
            _isCrashed = true;
    }

    /// <summary>What the next process finds. Of what was not durable half came through.</summary>
    public void Recover()
    {
        lock (_gate)
        {
            if (!_isCrashed)
                return;
            var lost = (_content.Count - _durableLength + 1) / 2;
            _content.RemoveRange(_content.Count - lost, lost);
            _isCrashed = false;
            _crashAt = int.MaxValue;
            _durableLength = _content.Count;
            IsLocked = false;
        }
    }

    /// <summary>Outside of what any process does.</summary>
    public void Cut(int length)
    {
        lock (_gate)
        {
            _content.RemoveRange(length, _content.Count - length);
            _durableLength = length;
        }
    }

    public void Flip(int position)
    {
        lock (_gate)
            _content[position] ^= 0xFF;
    }

    private void Do(Action step, Action halfOfIt)
    {
        lock (_gate)
        {
            if (_isCrashed || IsBroken)
                throw new IOException("the storage does not answer");
            if (_steps++ >= _crashAt)
            {
                halfOfIt();
                _isCrashed = true;
                throw new IOException("the storage is gone");
            }

            step();
        }
    }
}
