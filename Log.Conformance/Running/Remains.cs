namespace LogKit.Conformance.Running;

/// <summary>Objects that should be garbage, held by weak references. A few may remain for reasons of the runtime.</summary>
internal sealed class Remains(int count)
{
    private const int Collections = 50;

    private readonly List<WeakReference> _objects = new(count);

    public int Count => count;

    public int Alive => _objects.Count(reference => reference.IsAlive);

    public void Add(object remains) => _objects.Add(new WeakReference(remains));

    /// <summary>Whether nine in ten are collected, at once or after a log that may be remote was given time to finish.</summary>
    public async Task<bool> AreGoneAsync(ILog log)
    {
        for (var i = 0; i < Collections && Alive > count / 10; i++)
        {
            await log.GetRangeAsync();
            GC.Collect();
        }

        return Alive <= count / 10;
    }
}
