using System.Security.Cryptography;
using System.Text;
using LogKit.Cli.Errors;

namespace LogKit.Cli.Certificates;

/// <summary>
/// The files of an authority and of the certificates that it has signed: NAME.crt and NAME.key. Keys are never readable by others than
/// their owner, not even for a moment. No file is ever overwritten.
/// </summary>
internal sealed class CertificateDirectory(string path)
{
    public const string Authority = "ca";
    public const string Server = "server";

    private const UnixFileMode KeyMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode CertificateMode = KeyMode | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    public string CertificateOf(string name) => Path.Combine(path, $"{name}.crt");

    public string KeyOf(string name) => Path.Combine(path, $"{name}.key");

    /// <summary>Whether there is an authority, or part of one.</summary>
    public bool HasAuthority => Path.Exists(CertificateOf(Authority)) || Path.Exists(KeyOf(Authority));

    /// <exception cref="CommandException">The files cannot be read, or are not those of an authority.</exception>
    public CertificateAuthority OpenAuthority()
    {
        var pem = new PemPair(Read(CertificateOf(Authority)), Read(KeyOf(Authority)));
        try
        {
            return CertificateAuthority.OfPem(pem);
        }
        catch (CryptographicException exception)
        {
            throw CommandException.CannotRead(
                $"{CertificateOf(Authority)} with {KeyOf(Authority)}", exception.Message.TrimEnd('.'), exception);
        }
    }

    /// <exception cref="CommandException">One of the files exists.</exception>
    public void RequireFree(string name)
    {
        foreach (var file in new[] { CertificateOf(name), KeyOf(name) })
        {
            if (Path.Exists(file))
                throw CommandException.CannotWrite(file, "it already exists and is not overwritten");
        }
    }

    /// <summary>Writes a pair, the key first, so that a certificate always has its key.</summary>
    /// <exception cref="CommandException">A file exists or cannot be written.</exception>
    public void Write(string name, PemPair pem)
    {
        Write(KeyOf(name), pem.Key, KeyMode);
        Write(CertificateOf(name), pem.Certificate, CertificateMode);
    }

    private void Write(string file, string text, UnixFileMode mode)
    {
        try
        {
            Directory.CreateDirectory(path);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = mode;
            using var stream = new FileStream(file, options);
            stream.Write(Encoding.ASCII.GetBytes(text));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CommandException.CannotWrite(file, exception.Message, exception);
        }
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CommandException.CannotRead(file, exception.Message, exception);
        }
    }
}
