// Credentials that travel with each call, as headers made by a function; several can be composed.
// The client package learns what they are made of by passing a configurator in.
namespace Grpc.Core;

public delegate Task AsyncAuthInterceptor(AuthInterceptorContext context, Metadata metadata);

public abstract class CallCredentials
{
    public static CallCredentials Compose(params CallCredentials[] credentials)
    {
        ArgumentNullException.ThrowIfNull(credentials);
        if (credentials.Length < 2)
            throw new ArgumentException("At least two credentials are composed.", nameof(credentials));
        return new Composite([.. credentials]);
    }

    /// <summary>Credentials whose headers <paramref name="interceptor"/> adds to each call.</summary>
    public static CallCredentials FromInterceptor(AsyncAuthInterceptor interceptor)
    {
        ArgumentNullException.ThrowIfNull(interceptor);
        return new FromFunction(interceptor);
    }

    /// <summary>Calls the method of <paramref name="configurator"/> that stands for this kind of credentials.</summary>
    public abstract void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object? state);

    private sealed class Composite(CallCredentials[] credentials) : CallCredentials
    {
        public override void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object? state) =>
            configurator.SetCompositeCredentials(state, credentials);
    }

    private sealed class FromFunction(AsyncAuthInterceptor interceptor) : CallCredentials
    {
        public override void InternalPopulateConfiguration(CallCredentialsConfiguratorBase configurator, object? state) =>
            configurator.SetAsyncAuthInterceptorCredentials(state, interceptor);
    }
}

public abstract class CallCredentialsConfiguratorBase
{
    public abstract void SetCompositeCredentials(object? state, IReadOnlyList<CallCredentials> credentials);

    public abstract void SetAsyncAuthInterceptorCredentials(object? state, AsyncAuthInterceptor interceptor);
}
