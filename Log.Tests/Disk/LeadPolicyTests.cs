using LogKit.Disk.Commit;

namespace LogKit.Tests.Disk;

/// <summary>Callers lead their groups until one of them pipelines, and again once nothing is pipelined.</summary>
public sealed class LeadPolicyTests
{
    [Fact]
    public async Task A_caller_that_consumes_its_result_before_it_appends_again_leads_every_time()
    {
        var policy = new LeadPolicy();
        for (var i = 0; i < 3; i++)
        {
            Assert.True(policy.CallerLeads());
            var append = PendingAppend.Rent(RecordBatch.OfText("a"), null);
            var task = append.Task(CancellationToken.None);
            Assert.True(append.TryTake());
            policy.Committed(append, 1);
            append.Answer();
            await task;
        }
    }

    [Fact]
    public void A_caller_that_pipelines_does_not_lead_until_enough_groups_of_one_append_have_passed()
    {
        var policy = new LeadPolicy();
        Assert.True(policy.CallerLeads());
        var append = PendingAppend.Rent(RecordBatch.OfText("a"), null);
        _ = append.Task(CancellationToken.None).AsTask();
        policy.Committed(append, 1); // its result is not consumed
        Assert.False(policy.CallerLeads());
        for (var i = 0; i < LeadPolicy.PoolGroups - 1; i++)
            policy.Committed(leader: null, 1);
        Assert.False(policy.CallerLeads());
        policy.Committed(leader: null, 1);
        Assert.True(policy.CallerLeads());
    }

    [Fact]
    public void A_larger_group_shows_that_it_still_pipelines()
    {
        var policy = new LeadPolicy();
        var append = PendingAppend.Rent(RecordBatch.OfText("a"), null);
        _ = append.Task(CancellationToken.None).AsTask();
        policy.Committed(append, 1);
        Assert.False(policy.CallerLeads());
        for (var i = 0; i < LeadPolicy.PoolGroups - 1; i++)
            policy.Committed(leader: null, 1);
        policy.Committed(leader: null, 2);
        for (var i = 0; i < LeadPolicy.PoolGroups - 1; i++)
            policy.Committed(leader: null, 1);
        Assert.False(policy.CallerLeads());
    }
}
