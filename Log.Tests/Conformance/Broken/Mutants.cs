using LogKit.Conformance;

namespace LogKit.Tests.Conformance.Broken;

/// <summary>Every broken log, with the rule that is there to notice. Each rule of the catalogue has one at least.</summary>
internal static class Mutants
{
    public static Mutant Sound { get; } = new("sound", "");

    public static IReadOnlyList<Mutant> All { get; } =
    [
        new("starts at one", "APPEND-01", log => new StartsAtOne(log)),
        new("returns the last offset", "APPEND-02", log => new ReturnsTheLastOffset(log)),
        new("counts batches, not records", "APPEND-03", log => new CountsBatchesNotRecords(log)),
        new("leaves gaps", "APPEND-03", log => new LeavesGaps(log)),
        new("acknowledges before it is visible", "APPEND-04", log => new AcknowledgesBeforeItIsVisible(log)),
        new("its second client sees only what was there", "APPEND-04", Second: (_, broken) => new SeesOnlyWhatWasThere(broken)),
        new("drops empty values", "APPEND-05", log => new DropsEmptyValues(log)),
        new("treats values as text", "APPEND-05", log => new TreatsValuesAsText(log)),
        new("deduplicates", "APPEND-06", log => new Deduplicates(log)),
        new("accepts empty batches", "APPEND-07", log => new AcceptsEmptyBatches(log)),
        new("refuses empty batches in its own words", "APPEND-07", log => new RefusesEmptyBatchesInItsOwnWords(log)),
        new("burns offsets on refusal", "APPEND-08", log => new BurnsOffsetsOnRefusal(log)),
        new("refuses every expectation", "APPEND-09", log => new RefusesEveryExpectation(log)),
        new("ignores expectations", "APPEND-10", log => new IgnoresExpectations(log)),
        new("accepts lower expectations", "APPEND-10", log => new AcceptsLowerExpectations(log)),
        new("appends despite a mismatch", "APPEND-10", log => new AppendsDespiteAMismatch(log)),
        new("checks the expectation, then appends", "APPEND-11", log => new ChecksTheExpectationThenAppends(log), Races: true),
        new("reorders appends in flight", "APPEND-12", log => new ReordersAppendsInFlight(log), Races: true),

        new("returns one record only", "READ-01", log => new ReturnsOneRecordOnly(log)),
        new("returns the whole batch from its middle", "READ-02", log => new ReturnsTheWholeBatchFromItsMiddle(log)),
        new("skips a record in the middle", "READ-02", log => new SkipsARecordInTheMiddle(log)),
        new("bleeds into the next batch", "READ-03", log => new BleedsIntoTheNextBatch(log)),
        new("recycles old batches", "READ-04", log => new RecyclesOldBatches(log)),
        new("reverses large batches", "READ-05", log => new ReversesLargeBatches(log)),

        new("reads nothing at the end", "BOUND-01", log => new ReadsNothingAtTheEnd(log)),
        new("blocks at the end", "BOUND-01", log => new BlocksAtTheEnd(log)),
        new("casts the offset to int", "BOUND-02", log => new CastsTheOffsetToInt(log)),
        new("overflows at the largest offset", "BOUND-02", log => new OverflowsAtTheLargestOffset(log)),
        new("reads nothing of an empty log", "BOUND-03", log => new ReadsNothingOfAnEmptyLog(log)),
        new("tells no range in exceptions", "BOUND-04", log => new TellsNoRangeInExceptions(log)),
        new("tells an old range in exceptions", "BOUND-04", log => new TellsAnOldRangeInExceptions(log)),
        new("says that an empty log has a record", "BOUND-05", log => new SaysThatAnEmptyLogHasARecord(log)),
        new("counts batches in the range", "BOUND-06", log => new CountsBatchesInTheRange(log)),

        new("publishes record by record", "ATOM-01", log => new PublishesRecordByRecord(log), Races: true),
        new("interleaves batches that meet", "ATOM-02", log => new InterleavesBatchesThatMeet(log), Races: true),
        new("stores record by record", "ATOM-03", Flaw: Flaw.StoresRecordByRecord),

        new("waits for the next append always", "WAIT-01", log => new WaitsForTheNextAppendAlways(log)),
        new("wakes without data", "WAIT-02", log => new WakesWithoutData(log)),
        new("wakes before it is visible", "WAIT-03", log => new WakesBeforeItIsVisible(log), Races: true),
        new("checks, then registers the wait", "WAIT-04", log => new ChecksThenRegistersTheWait(log), Races: true),
        new("wakes one waiter", "WAIT-05", log => new WakesOneWaiter(log)),
        new("wakes everybody", "WAIT-05", log => new WakesEverybody(log)),
        new("wakes its own client only", "WAIT-06", log => new WakesItsOwnClientOnly(log), Second: (sound, _) => new SecondClient(sound)),
        new("cancels all waits at once", "WAIT-07", log => new CancelsAllWaitsAtOnce(log)),
        new("keeps the tokens of cancelled waits", "WAIT-07", log => new KeepsTheTokensOfCancelledWaits(log)),
        new("ends far waits early", "WAIT-08", log => new EndsFarWaitsEarly(log)),

        new("tells a stale range now and then", "CONC-01", log => new TellsAStaleRangeNowAndThen(log)),
        new("hides a record now and then", "CONC-01", log => new HidesARecordNowAndThen(log)),
        new("stores effects before causes", "CONC-02", log => new StoresEffectsBeforeCauses(log), Races: true),
        new("goes back now and then", "CONC-03", log => new GoesBackNowAndThen(log)),
        new("loses one of two appends that meet", "CONC-04", log => new ReservesOutsideTheLock(log, doubles: false), Races: true),
        new("doubles appends that meet", "CONC-04", log => new ReservesOutsideTheLock(log, doubles: true), Races: true),

        new("ignores the token of an append", "CANCEL-01", log => new IgnoresTheTokenOfAnAppend(log)),
        new("ignores the token of a read", "CANCEL-01", log => new IgnoresTheTokenOfARead(log)),
        new("ignores the token of a wait for what is there", "CANCEL-01", log => new IgnoresTheTokenOfAWaitForWhatIsThere(log)),
        new("tears cancelled appends", "CANCEL-02", log => new TearsCancelledAppends(log), Races: true),
        new("forgets whose token it was", "CANCEL-03", log => new ForgetsWhoseTokenItWas(log)),
        new("fails its second disposal", "DISP-01", log => new FailsItsSecondDisposal(log)),
        new("tells its range after disposal", "DISP-02", log => new TellsItsRangeAfterDisposal(log)),
        new("strands waits at disposal", "DISP-03", log => new StrandsWaitsAtDisposal(log)),
        new("keeps its lock", "DISP-04", Flaw: Flaw.KeepsItsLock),

        new("loses the last batch at close", "DUR-01", Flaw: Flaw.LosesTheLastBatchAtClose),
        new("adds a record at reopening", "DUR-02", Flaw: Flaw.AddsARecordAtReopening),
        new("acknowledges before the flush", "DUR-03", Flaw: Flaw.AcknowledgesBeforeTheFlush),
        new("shows before the flush", "DUR-04", Flaw: Flaw.ShowsBeforeTheFlush, Races: true),
        new("accepts a torn tail", "DUR-05", Flaw: Flaw.AcceptsATornTail),
        new("refuses a torn tail", "DUR-05", Flaw: Flaw.RefusesATornTail),
        new("ignores the checksum", "DUR-06", Flaw: Flaw.IgnoresTheChecksum),
        new("skips damage", "DUR-06", Flaw: Flaw.SkipsDamage),

        new("keeps the caller's buffer", "BUF-01", log => new KeepsTheCallersBuffer(log)),
        new("reuses its read buffer", "BUF-02", log => new ReusesItsReadBuffer(log)),
        new("changes its argument", "BUF-03", log => new ChangesItsArgument(log)),

        new("refuses the limit itself", "LIMIT-01", log => new RefusesTheLimitItself(log)),
        new("has no limit", "LIMIT-01", Flaw: Flaw.HasNoLimit),
        new("counts in 32 bits", "LIMIT-02", log => new CountsIn32Bits(log)),
        new("reads what was truncated", "RET-01", log => new ReadsWhatWasTruncated(log)),
        new("forgets the next offset when empty", "RET-02", log => new ForgetsTheNextOffsetWhenEmpty(log)),
        new("truncates beyond the end", "RET-03", log => new TruncatesBeyondTheEnd(log)),
        new("refuses to truncate again", "RET-03", log => new RefusesToTruncateAgain(log)),
        new("forgets truncation", "RET-04", Flaw: Flaw.ForgetsTruncation),
        new("throws its storage's exceptions", "ERR-01", log => new ThrowsItsStoragesExceptions(log)),
        new("pretends to write in a fault", "ERR-02", Flaw: Flaw.PretendsToWriteInAFault),
        new("stays unavailable after a fault", "ERR-02", Flaw: Flaw.StaysUnavailableAfterAFault),
        new("compares expectations with the count", "MODEL-01", log => new ComparesExpectationsWithTheCount(log)),

        new("says nothing of truncation", "HARNESS-01", Undeclared: LogCapabilities.Truncate),
        new("says nothing of reopening", "HARNESS-01", Undeclared: LogCapabilities.Reopen),
        new("says nothing of crashes", "HARNESS-01", Undeclared: LogCapabilities.Crash),
        new("says nothing of damage", "HARNESS-01", Undeclared: LogCapabilities.Damage),
        new("says nothing of faults", "HARNESS-01", Undeclared: LogCapabilities.Faults),
        new("says nothing of second clients", "HARNESS-01", Undeclared: LogCapabilities.SecondClient),
        new("says nothing of a seeded start", "HARNESS-01", Undeclared: LogCapabilities.SeededStart),
        new("says nothing of its limit", "HARNESS-01", Undeclared: LogCapabilities.Limits),
    ];
}
