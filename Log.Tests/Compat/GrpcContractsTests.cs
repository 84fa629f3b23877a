// The behaviour that Grpc.Core.Api itself holds and that our code relies on. The same tests hold for the real package.
using System.Text;
using Grpc.Core;

namespace LogKit.Tests.Compat;

public sealed class GrpcContractsTests
{
    [Theory]
    [InlineData("x-log", "x-log")]
    [InlineData("X-Log.Name_1", "x-log.name_1")]
    public void A_metadata_key_is_kept_in_lower_case(string given, string kept) =>
        Assert.Equal(kept, new Metadata.Entry(given, "value").Key);

    [Theory]
    [InlineData("with space")]
    [InlineData("colon:")]
    [InlineData("ümlaut")]
    [InlineData("slash/")]
    public void A_metadata_key_with_another_character_is_refused(string key) =>
        Assert.Throws<ArgumentException>(() => new Metadata.Entry(key, "value"));

    [Fact]
    public void The_suffix_of_a_metadata_key_says_whether_its_value_is_binary()
    {
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("x-bin", "text"));
        Assert.Throws<ArgumentException>(() => new Metadata.Entry("x", [1]));
        Assert.True(new Metadata.Entry("x-bin", [1]).IsBinary);
        Assert.False(new Metadata.Entry("x", "text").IsBinary);
    }

    [Fact]
    public void A_binary_metadata_value_is_copied_on_the_way_in_and_out()
    {
        byte[] given = [1, 2, 3];
        var entry = new Metadata.Entry("x-bin", given);

        given[0] = 9;
        entry.ValueBytes[1] = 9;

        Assert.Equal([1, 2, 3], entry.ValueBytes);
        Assert.Throws<InvalidOperationException>(() => entry.Value);
    }

    [Fact]
    public void Metadata_gives_the_last_value_of_a_key_and_all_of_them_in_order()
    {
        var metadata = new Metadata { { "a", "1" }, { "b", "2" }, { "A", "3" }, { "c-bin", [4] } };

        Assert.Equal("3", metadata.GetValue("a"));
        Assert.Null(metadata.GetValue("absent"));
        Assert.Equal([4], metadata.GetValueBytes("c-bin"));
        Assert.Equal("2"u8.ToArray(), metadata.GetValueBytes("b"));
        Assert.Equal("1 3", string.Join(' ', metadata.GetAll("a").Select(entry => entry.Value)));
        Assert.Equal("a b a c-bin", string.Join(' ', metadata.Select(entry => entry.Key)));
    }

    [Fact]
    public void The_empty_metadata_cannot_be_changed()
    {
        Assert.True(Metadata.Empty.IsReadOnly);
        Assert.Throws<InvalidOperationException>(() => Metadata.Empty.Add("a", "1"));
        Assert.Empty(Metadata.Empty);
    }

    [Fact]
    public void Statuses_are_equal_where_code_and_detail_are()
    {
        Assert.Equal(new Status(StatusCode.NotFound, "gone"), new Status(StatusCode.NotFound, "gone"));
        Assert.NotEqual(new Status(StatusCode.NotFound, "gone"), new Status(StatusCode.NotFound, "lost"));
        Assert.Equal(StatusCode.OK, Status.DefaultSuccess.StatusCode);
    }

    [Fact]
    public void A_failed_call_carries_its_status_and_trailers_and_never_null()
    {
        var cause = new TimeoutException();
        var status = new Status(StatusCode.Unavailable, "later", cause);
        var trailers = new Metadata { { "retry", "1" } };

        Assert.Empty(new RpcException(status).Trailers);
        Assert.Same(trailers, new RpcException(status, trailers).Trailers);
        Assert.Equal(StatusCode.Unavailable, new RpcException(status).StatusCode);
        Assert.Same(cause, new RpcException(status).InnerException);
        Assert.Contains("later", new RpcException(status).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_full_name_of_a_method_is_its_path_on_the_wire()
    {
        var method = new Method<string, string>(
            MethodType.Unary, "log.v1.Log", "Produce", Marshallers.StringMarshaller, Marshallers.StringMarshaller);

        Assert.Equal("/log.v1.Log/Produce", method.FullName);
    }

    [Fact]
    public void A_marshaller_made_of_context_functions_also_works_with_arrays()
    {
        var marshaller = Marshallers.Create<string>(
            (text, context) =>
            {
                var bytes = Encoding.UTF8.GetBytes(text);
                context.SetPayloadLength(bytes.Length);
                bytes.CopyTo(context.GetBufferWriter().GetSpan(bytes.Length));
                context.GetBufferWriter().Advance(bytes.Length);
                context.Complete();
            },
            context => Encoding.UTF8.GetString(context.PayloadAsReadOnlySequence()));

        Assert.Equal("día", marshaller.Deserializer(marshaller.Serializer("día")));
    }

    [Fact]
    public void The_identity_of_a_peer_is_the_properties_that_the_context_names()
    {
        var name = AuthProperty.Create("name", Encoding.UTF8.GetBytes("client-1"));
        var other = AuthProperty.Create("issuer", Encoding.UTF8.GetBytes("ca"));
        var properties = new Dictionary<string, List<AuthProperty>>(StringComparer.Ordinal) { ["name"] = [name], ["issuer"] = [other] };

        var known = new AuthContext("name", properties);
        var unknown = new AuthContext(null, []);

        Assert.True(known.IsPeerAuthenticated);
        Assert.Equal("client-1", Assert.Single(known.PeerIdentity).Value);
        Assert.Equal(2, known.Properties.Count());
        Assert.Empty(known.FindPropertiesByName("absent"));
        Assert.False(unknown.IsPeerAuthenticated);
        Assert.Empty(unknown.PeerIdentity);
    }
}
