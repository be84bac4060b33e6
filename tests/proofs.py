#!/usr/bin/env python3
"""Writes docs/proofs.md from what a run of `tests/run --all` noted.

    tests/proofs.py NOTES          NOTES has a line for each suite: name, outcome, seconds, result
    python3 -m doctest tests/proofs.py
"""

import datetime
import pathlib
import platform
import subprocess
import sys

HOUSE = pathlib.Path(__file__).resolve().parent.parent
PAGE = HOUSE / "docs" / "proofs.md"

# What each suite shows, by the name that `tests/run` gives it.
SHOWS = {
    "unit and house tests": "every law that needs no more than minutes, the attacks of security.md among them",
    "documentation tests": "the examples in the documentation run",
    "browser walks": "the pages, in Chromium",
    "a small sale": "200 simulated fans through one gateway",
    "slow: properties": "every property test with 20 times the cases",
    "slow: walks, again": "the walks a second time: what is only sometimes so",
    "slow: walks, once more": "and a third",
    "slow: large bodies": "a body of 1 GiB each way, at flat memory",
    "slow: slow attackers": "slowhttptest, 1,000 connections: heads, bodies, reads; honest visitors beside",
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
    return f"| {name} | {SHOWS.get(name, '')} | {told} | {seconds} s |"


def main(notes):
    ask = lambda *words: subprocess.run(["git", *words], cwd=HOUSE, capture_output=True, text=True).stdout.strip()
    commit = ask("rev-parse", "--short=12", "HEAD") or "unknown"
    changed = " with changes that were not committed" if ask("status", "--porcelain", "--untracked-files=no") else ""
    today = datetime.date.today().isoformat()
    machine = f"{platform.system()} {platform.release()}, {len(__import__('os').sched_getaffinity(0))} cores"
    rows = [row(line) for line in pathlib.Path(notes).read_text().splitlines() if line]
    table = "\n".join(["| suite | what it shows | result | duration |", "|---|---|---|---|", *rows])
    PAGE.write_text(f"{HEAD}{today}, commit {commit}{changed}, on {machine}:\n\n{table}\n")
    print(f"written: {PAGE.relative_to(HOUSE)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
