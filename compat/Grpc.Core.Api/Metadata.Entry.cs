// One header: a lower-case key and either ASCII text or, where the key ends in "-bin", bytes.
// Immutable: bytes are copied on the way in and on the way out.
using System.Text;

namespace Grpc.Core;

public partial class Metadata
{
    public class Entry
    {
        private readonly string? _value;
        private readonly byte[]? _valueBytes;

        /// <exception cref="ArgumentException">The key has an invalid character, or does not end in "-bin".</exception>
        public Entry(string key, byte[] valueBytes)
        {
            Key = NormalizeKey(key);
            if (!IsBinary)
                throw new ArgumentException("The key of a binary entry must end in \"-bin\".", nameof(key));
            ArgumentNullException.ThrowIfNull(valueBytes);
            _valueBytes = [.. valueBytes];
        }

        /// <exception cref="ArgumentException">The key has an invalid character, or ends in "-bin".</exception>
        public Entry(string key, string value)
        {
            Key = NormalizeKey(key);
            if (IsBinary)
                throw new ArgumentException("The key of a text entry must not end in \"-bin\".", nameof(key));
            ArgumentNullException.ThrowIfNull(value);
            _value = value;
        }

        public string Key { get; }

        public bool IsBinary => Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal);

        /// <exception cref="InvalidOperationException">The entry is binary.</exception>
        public string Value => _value ?? throw new InvalidOperationException("A binary entry has no string value.");

        /// <summary>A copy of the bytes; for a text entry, its ASCII bytes.</summary>
        public byte[] ValueBytes => _valueBytes is null ? Encoding.ASCII.GetBytes(Value) : [.. _valueBytes];

        public override string ToString() => _valueBytes is null
            ? $"[Entry: key={Key}, value={_value}]"
            : $"[Entry: key={Key}, valueBytes={Convert.ToHexString(_valueBytes)}]";

        private static string NormalizeKey(string key)
        {
            ArgumentNullException.ThrowIfNull(key);
            var isValid = key.Length > 0 && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');
            if (!isValid)
                throw new ArgumentException($"Metadata key \"{key}\" must hold only ASCII letters, digits, '_', '-' and '.'.", nameof(key));
            return key.ToLowerInvariant();
        }
    }
}
