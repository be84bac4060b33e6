#!/usr/bin/env python3
"""Writes docs/proofs.md from what a run of `tests/run --all` noted.

    tests/proofs.py NOTES COMMIT   NOTES has a line for each suite: name, outcome, seconds, result
    python3 -m doctest tests/proofs.py
"""

import datetime
import os
import pathlib
import platform
import re
import sys

HOUSE = pathlib.Path(__file__).resolve().parent.parent
PAGE = HOUSE / "docs" / "proofs.md"

# What each suite shows, by the name that `tests/run` gives it.
SHOWS = {
    "build": "the gateway and the simulated fans are built",
    "unit and house tests": "every law that needs no more than minutes, the attacks of security.md among them",
    "documentation tests": "the examples in the documentation run",
    "browser walks": "the pages, in Chromium",
    "a small sale": "200 simulated fans through one gateway",
    "slow: properties": "every property test with 20 times the cases, whole sales and histories with 5 times",
    "slow: attacks": "all framing mutations over TLS too, against nginx, HAProxy and a strict site",
    "slow: walks, again": "the walks a second time: what is only sometimes so",
    "slow: walks, once more": "and a third",
    "slow: large bodies": "a body of 1 GiB each way, at flat memory",
    "slow: slow attackers": "slowhttptest, 1,000 connections: heads, bodies, reads; honest visitors beside",
    "slow: idle connections": "what an idle connection costs, plain and over TLS, beside nginx and HAProxy",
    "slow: TLS scanners": "sslscan and testssl.sh: nothing old, weak or vulnerable, and a weak server is noticed",
    "slow: WordPress": "reading, logging in, uploading and commenting, straight and through the gateway",
    "slow: fuzzing": "every fuzz target for a minute",
}

HEAD = """\
# Proofs

What the last whole run of `./tests/run --all` showed. The run writes this page itself; change nothing here by hand. What the attack suites try is listed in [security.md](security.md), what the sales measure in [performance.md](performance.md).

"""


def row(line):
    """One row of the table.

    >>> row("slow: WordPress\\tpassed\\t20\\t56 steps, 0 differences")
    '| slow: WordPress | reading, logging in, uploading and commenting, straight and through the gateway | passed: 56 steps, 0 differences | 20 s |'
    >>> row("a new one\\tFAILED\\t3\\t")
    '| a new one |  | FAILED | 3 s |'
    """
    name, outcome, seconds, result = line.rstrip("\n").split("\t")
    told = f"{outcome}: {result}" if result else outcome
    told = told.replace("|", "/")
    return f"| {name} | {SHOWS.get(name, '')} | {told} | {seconds} s |"


def suites():
    """The names that `tests/run` knows.

    >>> sorted(suites() ^ set(SHOWS))
    []
    """
    return set(re.findall(r"^  '([^|']+)\|\d+\|", (HOUSE / "tests" / "run").read_text(), re.M))


def machine():
    """What it ran on."""
    cpus = re.findall(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{platform.system()} {platform.release()}, {cores} cores of {(cpus or ['an unnamed CPU'])[0]}, {gib:.0f} GiB"


def main(notes, commit):
    today = datetime.date.today().isoformat()
    lines = [line for line in pathlib.Path(notes).read_text().splitlines() if line]
    whole = sum(int(line.split("\t")[2]) for line in lines)
    table = "\n".join(["| suite | what it shows | result | duration |", "|---|---|---|---|", *map(row, lines)])
    PAGE.write_text(f"{HEAD}{today}, commit {commit}, on {machine()}, {whole // 60} minutes in all:\n\n{table}\n")
    print(f"written: {PAGE.relative_to(HOUSE)}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
