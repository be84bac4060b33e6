#!/usr/bin/env python3
"""Slow attackers against honest visitors: slowhttptest, 1,000 connections, three ways.

Starts one gateway and an nginx behind it, measures honest visitors alone and then beside each
attack (heads, bodies and answers that go on for ever), and prints a table. The exit code is 0 when
every honest visitor was served, in at most twice the time of the quiet run just before (at the
99th percentile), and no attacker's connection lived longer than 30 seconds; else 1.

Needs Linux, Python 3.11, nginx and slowhttptest, and a built gateway: --bin FOLDER. Takes about
five minutes. Honest visitors come from 127.0.0.2, attackers from 127.0.0.1; the attackers' processes
run at the lowest priority, as theirs would be other machines.
"""

import argparse
import collections
import multiprocessing
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import http.client

from servers import Servers

ATTACKER, HONEST = "0100007F", "127.0.0.2"
LONGEST_S = 30
SLOWER = 2
LARGE_BYTES = 8 << 20

# A page, a large file, and a place that reads a whole body before it answers.
ORIGIN = """
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {dir}/site;
    location /form {{ proxy_pass http://127.0.0.1:{port}/taken; client_max_body_size 1m; }}
    location /taken {{ return 200 "taken"; }}
  }}
"""

ATTACKS = {
    "heads": "-H -i 5 -x 24 -u {site}/page",
    "bodies": "-B -i 5 -x 10 -s 8192 -u {site}/form",
    "reads": "-X -n 5 -z 32 -w 10 -y 20 -k 1 -u {site}/large",
}


def main():
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not shutil.which("slowhttptest"):
        raise SystemExit("slowhttptest is missing (Debian: apt-get install slowhttptest)")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-slow-"))
    servers = None
    try:
        servers = Servers(asked.bin / "anteroom", folder, ORIGIN)
        site = folder / "origin" / "site"
        (site / "page").write_bytes(b"x" * 1024)
        (site / "large").write_bytes(b"x" * LARGE_BYTES)
        rows = [measure(name, words, servers.public, asked) for name, words in ATTACKS.items()]
    finally:
        if servers:
            servers.stop()
        shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(0 if shown(rows, asked) else 1)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the built gateway")
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--quiet-s", type=int, default=20)
    parser.add_argument("--attack-s", type=int, default=60)
    return parser.parse_args()


def measure(name, words, port, asked):
    """A quiet run, and then one beside an attack. Both are watched, as watching costs time too."""
    watch = Watch(port)
    quiet = Honest(port).for_seconds(asked.quiet_s)
    words = words.format(site=f"http://127.0.0.1:{port}").split()
    # Attackers have machines of their own: here theirs comes after the gateway.
    command = ["nice", "-n", "19", "slowhttptest", *words, "-c", str(asked.connections), "-r", "500",
               "-l", str(asked.attack_s), "-p", "5", "-v", "0"]
    attack = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        beside = Honest(port).for_seconds(asked.attack_s - 5)
    finally:
        if attack.poll() is None:
            attack.terminate()
        attack.wait()
        longest, most = watch.stop()
    return {"name": name, "quiet": quiet, "beside": beside, "longest": longest, "most": most}


class Honest:
    """Visitors who each come anew, ask for the page and go."""

    def __init__(self, port):
        self.port, self.took, self.faults = port, [], collections.Counter()
        self.over = threading.Event()

    def for_seconds(self, seconds):
        threads = [threading.Thread(target=self.visit) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.over.set()
        for thread in threads:
            thread.join()
        self.took.sort()
        return self

    def visit(self):
        while not self.over.wait(0.03):
            began = time.monotonic()
            try:
                line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20,
                                                  source_address=(HONEST, 0))
                line.request("GET", "/page", headers={"Connection": "close"})
                answer = line.getresponse()
                whole = answer.status == 200 and len(answer.read()) == 1024
                line.close()
                fault = None if whole else f"answered {answer.status}"
            except (OSError, http.client.HTTPException) as broken:
                fault = repr(broken)
            if fault:
                self.faults[fault] += 1
            else:
                self.took.append(time.monotonic() - began)

    def at(self, part):
        return self.took[min(len(self.took) - 1, int(len(self.took) * part))] if self.took else 1e9

    def served(self):
        return 100 * len(self.took) / max(1, self.asked())

    def asked(self):
        return len(self.took) + self.faults.total()


class Watch:
    """How many connections of the attackers are open, and how long the longest lived.

    In a process of its own, behind all others, and once a second: reading the table of 1,000
    connections takes milliseconds, which would be counted as waits of the honest visitors.
    """

    def __init__(self, port):
        apart = multiprocessing.get_context("spawn")
        self.over, (self.told, tells) = apart.Event(), apart.Pipe(duplex=False)
        self.process = apart.Process(target=look, args=(f"{port:04X}", self.over, tells), daemon=True)
        self.process.start()

    def stop(self):
        self.over.set()
        seen = self.told.recv()
        self.process.join()
        return seen


def look(port, over, tells):
    """Looks at the attackers' connections until it is over, and tells the longest and the most."""
    os.nice(10)
    since, longest, most = {}, 0.0, 0
    while not over.wait(1):
        now, seen = time.monotonic(), set()
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, state = line.split()[:4]
            if local.endswith(":" + port) and state == "01" and remote.startswith(ATTACKER):
                seen.add(remote)
        most = max(most, len(seen))
        for remote in seen:
            longest = max(longest, now - since.setdefault(remote, now))
        since = {remote: began for remote, began in since.items() if remote in seen}
    tells.send((longest, most))


def shown(rows, asked):
    """Prints the table; whether all of it is as promised."""
    print("| attack | connections at once | longest lived | honest served | p99 quiet | p99 beside | ratio |")
    print("|---|---|---|---|---|---|---|")
    kept, words = True, []
    for row in rows:
        quiet, beside = row["quiet"].at(0.99), row["beside"].at(0.99)
        served = row["beside"].served()
        good = (served == 100 and beside <= SLOWER * quiet and row["longest"] <= LONGEST_S
                and row["most"] >= 0.9 * asked.connections)
        kept = kept and good
        ratio = f"{beside / quiet:.2f}"
        print(f"| {row['name']} | {row['most']} | {row['longest']:.1f} s | {served:.1f} % of "
              f"{row['beside'].asked()} | {quiet * 1e3:.1f} ms | "
              f"{beside * 1e3:.1f} ms | {ratio}{'' if good else ' (missed)'} |")
        for fault, times in row["beside"].faults.items():
            print(f"{row['name']}: {times} times {fault}", file=sys.stderr)
        words.append(f"{row['name']}: {served:.0f} % served, p99 x {ratio}, longest {row['longest']:.0f} s")
    if "ANTEROOM_RESULT" in os.environ:
        pathlib.Path(os.environ["ANTEROOM_RESULT"]).write_text("; ".join(words) + "\n")
    return kept


if __name__ == "__main__":
    main()
