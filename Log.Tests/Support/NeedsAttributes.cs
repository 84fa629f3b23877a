using LogKit.Tests.Postgres;

namespace LogKit.Tests.Support;

/// <summary>A test that uses PostgreSQL. It is skipped, with the reason, on machines where PostgreSQL is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() => Skip = PostgresCluster.ReasonToSkip;
}

/// <inheritdoc cref="PostgresFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PostgresTheoryAttribute : TheoryAttribute
{
    public PostgresTheoryAttribute() => Skip = PostgresCluster.ReasonToSkip;
}

/// <summary>A test that runs PgBouncer in front of PostgreSQL.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PgBouncerFactAttribute : FactAttribute
{
    public PgBouncerFactAttribute() => Skip = PgBouncer.ReasonToSkip;
}

/// <inheritdoc cref="PgBouncerFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PgBouncerTheoryAttribute : TheoryAttribute
{
    public PgBouncerTheoryAttribute() => Skip = PgBouncer.ReasonToSkip;
}

/// <summary>A test that uses strace to make system calls fail.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class StraceFactAttribute : FactAttribute
{
    public StraceFactAttribute() => Skip = Strace.ReasonToSkip;
}

/// <inheritdoc cref="StraceFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class StraceTheoryAttribute : TheoryAttribute
{
    public StraceTheoryAttribute() => Skip = Strace.ReasonToSkip;
}

/// <summary>A test that mounts its own file system.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MountFactAttribute : FactAttribute
{
    public MountFactAttribute() => Skip = TestMount.WhyNot;
}

/// <summary>A test that runs PostgreSQL on its own file system.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PostgresMountFactAttribute : FactAttribute
{
    public PostgresMountFactAttribute() => Skip = PostgresCluster.ReasonToSkip ?? TestMount.WhyNot;
}

/// <summary>A test that runs a program of the operating system.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ToolFactAttribute : FactAttribute
{
    public ToolFactAttribute(string path)
    {
        Path = path;
        Skip = File.Exists(path) ? null : $"there is no {System.IO.Path.GetFileName(path)} on this machine";
    }

    public string Path { get; }
}

/// <summary>A test that looks at a page in Chromium.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ChromiumTheoryAttribute : TheoryAttribute
{
    public ChromiumTheoryAttribute() => Skip = Chromium.ReasonToSkip;
}

/// <summary>A test of a feature that exists only on Linux.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute() => Skip = OperatingSystem.IsLinux() ? null : "for Linux only";
}

/// <inheritdoc cref="LinuxFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LinuxTheoryAttribute : TheoryAttribute
{
    public LinuxTheoryAttribute() => Skip = OperatingSystem.IsLinux() ? null : "for Linux only";
}
