using Google.Protobuf.Reflection;
using Grpc.Core;
using LogKit.V1;

namespace LogKit.Tests.Contract;

/// <summary>The contract does not change: names, numbers, and types that existing clients rely on.</summary>
public sealed class ContractTests
{
    [Fact]
    public void The_contract_is_what_clients_know()
    {
        var methods = V1.Log.Descriptor.Methods.Select(method =>
            $"{method.FullName}({Stream(method.IsClientStreaming)}{method.InputType.FullName}) -> "
                + $"{Stream(method.IsServerStreaming)}{method.OutputType.FullName}");
        var fields = LogReflection
            .Descriptor.MessageTypes.SelectMany(message => message.Fields.InFieldNumberOrder())
            .Select(field => $"{field.FullName} = {field.FieldNumber}: {Kind(field)}{TypeOf(field)}");
        Assert.Equal(
            [
                "log.v1.Log.Produce(log.v1.ProduceRequest) -> log.v1.ProduceResponse",
                "log.v1.Log.Consume(log.v1.ConsumeRequest) -> log.v1.ConsumeResponse",
                "log.v1.Log.ConsumeStream(log.v1.ConsumeRequest) -> stream log.v1.ConsumeResponse",
                "log.v1.Log.ProduceStream(stream log.v1.ProduceRequest) -> stream log.v1.ProduceResponse",
                "log.v1.Log.GetRange(log.v1.GetRangeRequest) -> log.v1.GetRangeResponse",
                "log.v1.Record.value = 1: Bytes",
                "log.v1.RecordBatch.records = 3: repeated log.v1.Record",
                "log.v1.ProduceRequest.record_batch = 1: log.v1.RecordBatch",
                "log.v1.ProduceRequest.expected_offset = 2: optional UInt64",
                "log.v1.ProduceResponse.first_offset = 1: UInt64",
                "log.v1.ConsumeRequest.offset = 1: UInt64",
                "log.v1.ConsumeRequest.stop_at_end = 2: Bool",
                "log.v1.ConsumeResponse.first_offset = 1: UInt64",
                "log.v1.ConsumeResponse.record_batch = 2: log.v1.RecordBatch",
                "log.v1.GetRangeResponse.start_offset = 1: UInt64",
                "log.v1.GetRangeResponse.next_offset = 2: UInt64",
            ],
            methods.Concat(fields));

        static string Stream(bool isStream) => isStream ? "stream " : "";
        static string Kind(FieldDescriptor field) =>
            field.IsRepeated ? "repeated "
            : field.HasPresence && field.MessageTypeName() is null ? "optional "
            : "";
        static string TypeOf(FieldDescriptor field) => field.MessageTypeName() ?? field.FieldType.ToString();
    }

    [Fact]
    public void The_envelopes_are_the_messages_of_the_contract_with_the_batch_left_as_bytes()
    {
        foreach (var envelope in V1.Envelope.EnvelopeReflection.Descriptor.MessageTypes)
        {
            var message = LogReflection.Descriptor.FindTypeByName<MessageDescriptor>(envelope.Name);
            Assert.Equal(message.Fields.InFieldNumberOrder().Select(Wire), envelope.Fields.InFieldNumberOrder().Select(Wire));
        }

        // On the wire, a message field and a bytes field have the same encoding.
        static (string, int, FieldType) Wire(FieldDescriptor field) =>
            (field.Name, field.FieldNumber, field.FieldType is FieldType.Message ? FieldType.Bytes : field.FieldType);
    }

    [Fact]
    public void The_envelope_methods_are_the_methods_of_the_contract()
    {
        var ours = new IMethod[]
        {
            LogMethods.Produce, LogMethods.Consume, LogMethods.ConsumeStream, LogMethods.ProduceStream, LogMethods.GetRange,
        };
        Assert.Equal(
            V1.Log.Descriptor.Methods.Select(method =>
                ($"/{V1.Log.Descriptor.FullName}/{method.Name}", method.IsClientStreaming, method.IsServerStreaming)),
            ours.Select(method =>
                (
                    method.FullName,
                    method.Type is MethodType.ClientStreaming or MethodType.DuplexStreaming,
                    method.Type is MethodType.ServerStreaming or MethodType.DuplexStreaming)));
    }
}

internal static class FieldDescriptorExtensions
{
    public static string? MessageTypeName(this FieldDescriptor field) =>
        field.FieldType is FieldType.Message ? field.MessageType.FullName : null;
}
