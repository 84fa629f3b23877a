using System.Collections.Concurrent;

namespace LogKit.Tests.Disk.Simulation;

/// <summary>Simulated disks by name, for harnesses: each can crash, now or at a step, and fail.</summary>
internal sealed class SimulatedDisks
{
    private readonly ConcurrentDictionary<string, SimulatedDisk> _disks = [];
    private readonly ConcurrentDictionary<string, bool> _crashed = [];
    private int _crashes;

    /// <summary>A disk as a new process finds it: after a crash, without what that has lost.</summary>
    public SimulatedDisk Of(string name)
    {
        if (_crashed.TryRemove(name, out _))
            _disks[name] = _disks[name].AfterPowerLoss(new Random(Interlocked.Increment(ref _crashes)));
        return _disks.GetOrAdd(name, _ => new SimulatedDisk());
    }

    public void Crash(string name)
    {
        // Nothing more comes through; what did is found out once what still runs has noticed, by the next use of the disk.
        _disks[name].Unforeseen = new PowerLostException();
        _crashed[name] = true;
    }

    public void CrashAfter(string name, int steps) => _disks[name].PowerLossAt = _disks[name].OperationCount + steps;

    public void Break(string name) => _disks[name].Fault = (_, _) => new IOException("input/output error");

    public void Heal(string name) => _disks[name].Fault = (_, _) => null;

    public void Remove(string name) => _disks.TryRemove(name, out _);
}
