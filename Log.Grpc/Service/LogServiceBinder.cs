using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using LogKit.Grpc.Access;
using LogKit.Grpc.Errors;
using LogKit.Grpc.Observability;
using LogKit.V1;

namespace LogKit.Grpc.Service;

/// <summary>
/// Binds <see cref="LogService"/> to the methods of the contract, in the form that leaves batches as bytes (envelope.proto). The generated
/// base class would decode every record.
/// </summary>
internal sealed class LogServiceBinder(IServiceProvider services) : IServiceMethodProvider<LogService>
{
    private static readonly object[] Produces = [new RequiredAction(LogActions.Produce)];
    private static readonly object[] Consumes = [new RequiredAction(LogActions.Consume)];
    private static readonly object[] DoesEither = [new RequiredAction(LogActions.Either)];

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<LogService> context)
    {
        context.AddUnaryMethod(Checked(LogMethods.Produce), Produces, static (service, request, call) =>
            service.Errors.EndAsync(service.Produce(request, call), call));
        context.AddUnaryMethod(Checked(LogMethods.Consume), Consumes, static (service, request, call) =>
            service.Errors.EndAsync(service.Consume(request, call), call));
        context.AddServerStreamingMethod(Checked(LogMethods.ConsumeStream), Consumes, static (service, request, responses, call) =>
            service.Errors.EndAsync(service.ConsumeStream(request, responses, call), call));
        context.AddDuplexStreamingMethod(Checked(LogMethods.ProduceStream), Produces, static (service, requests, responses, call) =>
            service.Errors.EndAsync(service.ProduceStream(requests, responses, call), call));
        context.AddUnaryMethod(Checked(LogMethods.GetRange), DoesEither, static (service, _, call) =>
            service.Errors.EndAsync(service.GetRange(call), call));
    }

    /// <summary>Wraps a method, so that a malformed request gets a status from the catalog instead of an internal error.</summary>
    private Method<TRequest, TResponse> Checked<TRequest, TResponse>(Method<TRequest, TResponse> method)
        where TRequest : class
        where TResponse : class
    {
        var parse = method.RequestMarshaller.ContextualDeserializer;
        return new Method<TRequest, TResponse>(
            method.Type, method.ServiceName, method.Name,
            Marshallers.Create(method.RequestMarshaller.ContextualSerializer, Parse), method.ResponseMarshaller);

        TRequest Parse(DeserializationContext context)
        {
            try
            {
                return parse(context);
            }
            catch (InvalidProtocolBufferException)
            {
                var status = ErrorCatalog.ToStatus(
                    RequestException.Malformed("request", "it is not a valid protobuf message of this method"));
                // Resolved late, because the metrics need the log, which is created on first use.
                services.GetRequiredService<ServiceMetrics>().CountError(status);
                throw status;
            }
        }
    }
}
