using LogKit.Tests.Support;

namespace LogKit.Tests.Testing;

/// <summary>The examples of docs/testing.md are the files of the folder Examples, which are compiled and run.</summary>
public sealed class TestingPageTests
{
    [Fact]
    public void The_files_that_the_page_shows_are_the_files_that_run() => ShownFiles.AssertAreIn(
        "Log.Tests/Testing/Examples", Repository.Read("docs/testing.md"), "Guestbook.cs", "InvoiceReader.cs", "Orders.cs");
}
