// A service's methods with the instance that serves them, ready to be bound to a server.
namespace Grpc.Core;

public class ServerServiceDefinition
{
    private readonly IReadOnlyList<Action<ServiceBinderBase>> _addMethods;

    private ServerServiceDefinition(IReadOnlyList<Action<ServiceBinderBase>> addMethods) => _addMethods = addMethods;

    public static Builder CreateBuilder() => new();

    internal void BindService(ServiceBinderBase serviceBinder)
    {
        foreach (var addMethod in _addMethods)
            addMethod(serviceBinder);
    }

    public class Builder
    {
        private readonly HashSet<string> _names = [];
        private readonly List<Action<ServiceBinderBase>> _addMethods = [];

        /// <exception cref="ArgumentException">A method of this full name was added before; so for all four.</exception>
        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => Add(method, binder => binder.AddMethod(method, handler));

        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => Add(method, binder => binder.AddMethod(method, handler));

        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => Add(method, binder => binder.AddMethod(method, handler));

        public Builder AddMethod<TRequest, TResponse>(
            Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> handler)
            where TRequest : class
            where TResponse : class => Add(method, binder => binder.AddMethod(method, handler));

        public ServerServiceDefinition Build() => new([.. _addMethods]);

        private Builder Add(IMethod method, Action<ServiceBinderBase> addMethod)
        {
            if (!_names.Add(method.FullName))
                throw new ArgumentException($"{method.FullName} was added before.", nameof(method));
            _addMethods.Add(addMethod);
            return this;
        }
    }
}
