// A text that is not the verified one.
// Its message is shown as it stands, so it says what to do.
namespace VerifyTests;

public class VerifyException(string message) : Exception(message);
