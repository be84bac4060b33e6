#!/usr/bin/env python3
"""A first speed reading: CPU time of the gateway per request, beside nginx in the same run.

Two kinds of request are measured: the poll of a visitor far from the front (nginx: `return 200`
with the same JSON), and an admitted visitor's request for a page of 1 KB (nginx: `proxy_pass`,
same origin). The gateway and nginx take turns; what counts is the ratio of the medians in one
run. It is a report, not a gate.

Needs Linux, two cores, Python 3, nginx, wrk, and perf for the profile. Takes about two minutes.
"""

import argparse
import datetime
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import costs
import visitors
from servers import LOAD_CORE, PAGE, ROOM, STATUS, Servers, nginx_path

HERE = pathlib.Path(__file__).resolve().parent
REPORT = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept-Language": "en-GB,en;q=0.7",
    "Accept-Encoding": "gzip, deflate",
}
POLL = {**BROWSER, "Accept": "application/json", "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
VISIT = {**BROWSER, "Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Site": "none",
         "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Kind:
    """A kind of request, and how it is sent."""

    def __init__(self, name, path, headers, cookies):
        self.name, self.path, self.headers, self.cookies = name, path, headers, cookies

    def one(self):
        return {**self.headers, "Cookie": self.cookies[len(self.cookies) // 2]}

    def write(self, folder):
        self.cookie_file = folder / f"{self.name}.cookies"
        self.header_file = folder / f"{self.name}.headers"
        self.cookie_file.write_text("\n".join(self.cookies) + "\n")
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        self.header_file.write_text("\n".join(lines) + "\n")


class Pattern:
    """How requests come: on how many connections, with what rest between two of one."""

    def __init__(self, name, connections, rest_ms, rounds):
        self.name, self.connections, self.rest_ms, self.rounds = name, connections, rest_ms, rounds


PATTERNS = [Pattern("closed loop, 64 connections", 64, 0, 5),
            Pattern("paced, 400 connections", 400, 50, 3)]


def main():
    asked = arguments()
    demand_tools(asked)
    binary = built()
    began = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-speed-"))
    servers = None
    try:
        servers = Servers(binary, folder)
        kinds, facts = prepare(servers, folder, asked.visitors)
        calls = servers.visitors_store_calls()
        readings = measure(servers, kinds, asked.seconds)
        profiles = profile(servers, kinds, folder) if asked.profile else {}
        moved = servers.visitors_store_calls() - calls
    finally:
        if servers:
            servers.stop()
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
    facts.append(f"Store calls for visitors during the measurement: {moved:.0f}.")
    facts.append(f"The whole run took {time.monotonic() - began:.0f} s.")
    text = report(readings, profiles, facts, asked)
    print(text)
    if asked.write:
        write(text)
    if moved:
        raise SystemExit("polls and admitted requests called the store: something is wrong")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement")
    parser.add_argument("--visitors", type=int, default=15_000, help="how many wait and poll")
    parser.add_argument("--profile", action="store_true", help="also say where the time goes")
    parser.add_argument("--write", action="store_true", help="put the report into docs/performance.md")
    parser.add_argument("--keep", action="store_true", help="keep the folder of logs and data")
    return parser.parse_args()


def demand_tools(asked):
    """Installs what is missing where apt-get can, else says what to install."""
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two cores are needed: one for the server, one for load and origin")
    needed = {"nginx-light": nginx_path(), "wrk": shutil.which("wrk")}
    if asked.profile:
        needed["linux-perf"] = shutil.which("perf")
    missing = [package for package, path in needed.items() if not path]
    if not missing:
        return
    print(f"installing {' '.join(missing)}", file=sys.stderr)
    apt = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if not shutil.which("apt-get") or subprocess.run(apt, stdout=sys.stderr).returncode:
        raise SystemExit(f"please install: {' '.join(missing)}")


def built():
    """The gateway's binary: `ANTEROOM_BIN`, else a release build."""
    given = os.environ.get("ANTEROOM_BIN")
    if given:
        return pathlib.Path(given).resolve()
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=HERE.parent, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target")
    return pathlib.Path(target) / "release" / "anteroom"


def prepare(servers, folder, count):
    """Fills the room, lets one visitor in, starts nginx, and checks every kind of answer."""
    servers.order("open")
    time.sleep(1)
    [first] = visitors.join(servers.public, 1)
    servers.order("release", count=1)
    admission = None
    for _ in range(40):
        admission = visitors.claim(servers.public, first)
        if admission:
            break
        time.sleep(0.25)
    if not admission:
        raise SystemExit("the first visitor was not released within ten seconds")
    tokens = visitors.join(servers.public, count)[1500:]
    time.sleep(2)
    poll = Kind("queued poll", STATUS, POLL, [f"anteroom-q-{ROOM}={token}" for token in tokens])
    page = Kind("admitted, 1 KB", PAGE, VISIT,
                [f"basket=7; anteroom-q-{ROOM}={first}; anteroom-a-{ROOM}={admission}"])
    for kind in (poll, page):
        kind.write(folder)
    told, head = visitors.check_poll(servers.public, poll.one())
    servers.start_peer(told)
    _, _, body = visitors.one(servers.peer_port, STATUS, poll.one())
    if body.decode() != told:
        raise SystemExit("nginx does not answer the same JSON")
    page_head = visitors.check_page(servers.public, page.one(), "anteroom")
    visitors.check_page(servers.peer_port, page.one(), "nginx")
    facts = [
        f"{count} visitors wait; {len(tokens)} of them poll in turn. A poll's answer: {head} bytes of "
        f"head (with a newly signed cookie) and {len(told)} bytes of JSON; nginx: the same JSON, no "
        f"cookie. An admitted answer: {page_head} bytes of head and 1,024 of body.",
    ]
    return [poll, page], facts


def measure(servers, kinds, seconds):
    """`{(kind, pattern): {server: [(cpu µs, requests a second)]}}`, the servers taking turns."""
    targets = {"anteroom": (servers.anteroom, servers.public), "nginx": (servers.peer, servers.peer_port)}
    readings = {}
    for pattern in PATTERNS:
        for kind in kinds:
            taken = readings[kind.name, pattern.name] = {name: [] for name in targets}
            for turn in range(pattern.rounds + 1):
                for name, (server, port) in targets.items():
                    before = server.cpu_seconds()
                    requests = load(kind, pattern, port, seconds if turn else 1)
                    used = server.cpu_seconds() - before
                    if turn:  # the first turn only warms up
                        taken[name].append((used * 1e6 / requests, requests / seconds))
    return readings


def load(kind, pattern, port, seconds):
    """Requests answered; ends the run if one of them was not answered with 2xx."""
    command = load_command(kind, pattern, port, seconds)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wrong = re.search(r"(Non-2xx.*|Socket errors.*)", said)
    if wrong:
        raise SystemExit(f"{kind.name}, {pattern.name}, port {port}: {wrong[1]}\n"
                         "(a visitor may poll ten times a second: raise --visitors on a fast machine)")
    return int(re.search(r"(\d+) requests in", said)[1])


def load_command(kind, pattern, port, seconds):
    return [
        "taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{pattern.connections}", f"-d{seconds}s",
        "-s", HERE / "cycle.lua", f"http://127.0.0.1:{port}{kind.path}", "--",
        kind.cookie_file, kind.header_file, str(pattern.rest_ms),
    ]


def profile(servers, kinds, folder):
    """`{kind: (groups, functions)}` of the gateway in the closed loop."""
    found = {}
    for kind in kinds:
        command = load_command(kind, PATTERNS[0], servers.public, 5)
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(1)
        found[kind.name] = costs.sample(servers.anteroom.process.pid, 3, folder)
        running.wait()
    return found


def report(readings, profiles, facts, asked):
    """The report in Markdown."""
    flags = "".join(f" --{name}" for name in ("profile", "write") if getattr(asked, name))
    lines = [
        f"`python3 load-tests/speed.py --seconds {asked.seconds}{flags}`, {datetime.date.today()}, "
        f"{machine()}; load average {os.getloadavg()[0]:.1f}.",
        "",
        "| request | arrival | server | CPU µs/request (min–max) | requests/s | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for (kind, pattern), taken in readings.items():
        base = statistics.median(cpu for cpu, _ in taken["nginx"])
        for name, values in taken.items():
            cpu = [value for value, _ in values]
            median = statistics.median(cpu)
            rate = statistics.median(rate for _, rate in values)
            lines.append(
                f"| {kind} | {pattern} | {name} | {median:.2f} ({min(cpu):.2f}–{max(cpu):.2f}) "
                f"| {rate:,.0f} | {median / base:.2f} |"
            )
    lines += ["", *facts]
    for kind, (groups, functions) in profiles.items():
        lines += ["", f"**Where the time goes, {kind}** (own time of functions, closed loop):", ""]
        lines += [f"{at}. {name}: {share:.0%}" for at, (name, share) in enumerate(list(groups.items())[:3], 1)]
        rest = ", ".join(f"{name} {share:.0%}" for name, share in list(groups.items())[3:] if share >= 0.01)
        largest = ", ".join(f"`{name}` {share:.1%}" for name, share in list(functions.items())[:8])
        lines += ["", f"Then {rest}.", "", f"Largest single functions: {largest}."]
    return "\n".join(lines)


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    nginx = subprocess.run([nginx_path(), "-v"], capture_output=True, text=True).stderr
    version = nginx.strip().rpartition("/")[2]
    return (f"{len(os.sched_getaffinity(0))} shared virtual cores ({model[1] if model else 'unknown'}), "
            f"Linux {os.uname().release.split('-')[0]}, nginx {version}")


def write(text):
    page = REPORT.read_text()
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    REPORT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
