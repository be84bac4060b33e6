"""What the processes of a sale cost: memory and CPU time of each, memory and commands of Redis."""

import os
import pathlib
import re
import threading
import time

from house import redis_call

EVERY_S = 1.0
CHAOS = {"gateway": "gateway 1 is killed", "redis": "Redis is killed", "flush": "FLUSHALL"}


class Watch:
    """Samples once a second until stopped."""

    def __init__(self, processes, house):
        self.fans = processes["fans"]
        self.house = house
        self.began = time.monotonic()
        self.samples = []
        self.cpu = {}
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            self.samples.append(self._sample())
            if self.ending.wait(EVERY_S):
                return

    def _sample(self):
        sample = {"at_s": round(time.monotonic() - self.began, 2), "rss_mb": {}}
        for name, process in {**self.house.processes(), "fans": self.fans}.items():
            used = usage(process.pid)
            if used:
                seconds, sample["rss_mb"][name] = used
                self.cpu.setdefault(name, {}).setdefault(process.pid, [seconds, seconds])[1] = seconds
        memory = info(self.house.redis_port, "memory").get("used_memory")
        if memory:
            sample["redis_used_mb"] = round(int(memory) / 1e6, 2)
        return sample

    def stop(self):
        """All samples, and what each process used from the first to the last."""
        self.ending.set()
        self.thread.join()
        lasted = self.samples[-1]["at_s"]
        processes = {}
        for name, by_pid in self.cpu.items():
            memory = [sample["rss_mb"][name] for sample in self.samples if name in sample["rss_mb"]]
            processes[name] = {
                "cpu_s": round(sum(last - first for first, last in by_pid.values()), 2),
                "started": len(by_pid), "rss_first_mb": memory[0], "rss_most_mb": max(memory),
            }
        return {"lasted_s": lasted, "cores": len(os.sched_getaffinity(0)),
                "load_average": os.getloadavg()[0], "processes": processes, "samples": self.samples}


def usage(pid):
    """CPU seconds and resident megabytes of a process, or nothing when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] == "Z":
        return None
    ticks = int(fields[11]) + int(fields[12])
    pages = int(fields[21])
    return (ticks / os.sysconf("SC_CLK_TCK"),
            round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1))


def info(port, section):
    """A section of Redis's INFO; empty without Redis, or while it is away."""
    if not port:
        return {}
    try:
        text = redis_call(port, "INFO", section)
    except OSError:
        return {}
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def command_counts(port):
    """`{command: (calls, microseconds)}` so far."""
    counts = {}
    for name, value in info(port, "commandstats").items():
        found = re.match(r"calls=(\d+),usec=(\d+)", value)
        if found:
            counts[name.removeprefix("cmdstat_")] = (int(found[1]), int(found[2]))
    return counts


def difference(before, after):
    """What was called in between. A restart of Redis begins at zero: then all since that."""
    calls = {}
    for name, (count, micros) in after.items():
        if name == "info":  # asked by this watch
            continue
        was = before.get(name, (0, 0))
        if was[0] > count:
            was = (0, 0)
        if count > was[0]:
            calls[name] = {"calls": count - was[0], "usec": micros - was[1]}
    return dict(sorted(calls.items(), key=lambda one: -one[1]["calls"]))


def table(beside, requests):
    """The same for people."""
    lines = ["", f"Machines       {'CPU s':>10} {'of a core':>10} {'µs/request':>10} "
                 f"{'first MB':>10} {'most MB':>10}"]
    for name, used in beside["processes"].items():
        share = used["cpu_s"] / max(beside["lasted_s"], 0.01)
        lines.append(f"  {name:<12} {used['cpu_s']:>10.2f} {share:>9.1%} "
                     f"{used['cpu_s'] * 1e6 / max(requests, 1):>10.1f} "
                     f"{used['rss_first_mb']:>10.1f} {used['rss_most_mb']:>10.1f}")
    used = [sample["redis_used_mb"] for sample in beside["samples"] if "redis_used_mb" in sample]
    if used:
        lines.append(f"  Redis used_memory: {used[0]:.2f} MB at first, {max(used):.2f} MB at most")
    if beside["commands"]:
        lines.append("\nRedis commands      calls   a second   µs each")
    for name, count in list(beside["commands"].items())[:12]:
        lines.append(f"  {name:<14} {count['calls']:>9} {count['calls'] / beside['lasted_s']:>10.1f} "
                     f"{count['usec'] / count['calls']:>9.1f}")
    for done in beside["chaos"]:
        lines.append(f"\nChaos: {done['what']}: {done['answer']} ({done['took_s']} s)")
    lines.append(f"  {beside['cores']} cores, load average {beside['load_average']:.1f}")
    return "\n".join(lines)
