#!/usr/bin/env python3
"""A whole sale: fans come on a curve, queue, are called, shop and leave.

Starts one redis-server, two gateways on it and a small ticket shop behind them, opens the room,
sends the fans, and says how they were treated. Nothing is left running. The exit code is 0 when
every promise was kept, 1 when one was broken, 2 when the sale could not be run.

Needs Linux, Python 3.11, cargo (or --bin) and, unless --store embedded, redis-server. A first try
of a few seconds: --smoke.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import machines
from house import CONTROL_TOKEN, HOST, ROOM, House

HERE = pathlib.Path(__file__).resolve().parent
SMOKE = {
    "fans": 200, "per_minute": 1500, "seconds": 4, "shape": "steady", "think_s": 0.3,
    "at_most_s": 60, "vanish": 0.03, "never_claim": 0.02, "without_script": 0.1,
    "claim_by_page": 0.2, "gateways": 1, "store": "embedded",
}


def main():
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    make_room_for(asked)
    anteroom, fans = built(asked)
    out = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-sale-"))
    house = None
    try:
        house = House(anteroom, fans, folder, asked)
        house.order("open")
        code, beside = sale(house, fans, out, asked)
    finally:
        if house:
            house.stop()
        if asked.keep:
            print(f"Logs and data: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if code in (0, 1):
        finish(out, beside)
    if asked.chaos and not any(done["mended"] for done in house.done):
        raise SystemExit("the chaos did not happen as asked, so the run says nothing")
    raise SystemExit(code)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--fans", type=int, default=50_000, help="how many come")
    add("--per-minute", type=int, default=6_000, help="the pace of the room")
    add("--burst", type=int, help="its burst; default: the gateway's own")
    add("--capacity", type=int, default=20_000, help="how many may be inside")
    add("--shape", choices=("spike", "steady", "burst"), default="spike",
        help="on which curve they come")
    add("--curve", type=pathlib.Path, help="a file of rows second,count in place of --shape and --fans")
    add("--seconds", type=int, default=600, help="within which time they come")
    add("--at-most-s", type=int, help="end after so many seconds although fans still wait; "
                                      "default: when the pace should long have let all in")
    add("--seed", type=int, default=1, help="where chance begins")
    add("--gateways", type=int, default=2, help="how many gateways share the room")
    add("--store", choices=("redis", "embedded"), default="redis", help="where the queue is kept")
    add("--chaos", choices=("gateway", "redis", "flush"),
        help="kill and restart the first gateway or the redis-server, or FLUSHALL, in mid-sale")
    add("--chaos-at-s", type=float, help="when; default: half of --seconds")
    add("--chaos-rest-s", type=float, default=5, help="how long the killed process stays away")
    shares = [("vanish", 0.08, "who closes the page while waiting"),
              ("never-claim", 0.02, "who is called and does not come"),
              ("impatient", 0.05, "who reloads every few seconds"),
              ("without-script", 0.02, "who has no JavaScript"),
              ("claim-by-page", 0.1, "who claims by loading the page"),
              ("leave", 0.5, "who says goodbye at the end")]
    for name, share, words in shares:
        add(f"--{name}", type=float, default=share, help=f"share of fans {words}")
    add("--pages", type=int, default=3, help="pages each looks at inside")
    add("--think-s", type=float, default=8, help="how long each looks at one")
    add("--sockets", type=int, default=6_000, help="connections of fans open at one time")
    add("--keep-alive-s", type=float, default=20, help="how long a fan keeps one; 0: one a request")
    add("--addresses", type=int, default=20_000,
        help="addresses of 127.0.0.0/8 the fans come from; 0: one")
    add("--bin", type=pathlib.Path, help="folder with anteroom and anteroom-fans; default: build them")
    add("--out", type=pathlib.Path, default=HERE / "out", help="where reports and curves go")
    add("--keep", action="store_true", help="keep the folder of logs and data")
    add("--smoke", action="store_true", help="a few seconds; what is given besides still counts")
    first = parser.parse_args()
    if first.smoke:
        parser.set_defaults(**SMOKE)
    asked = parser.parse_args()
    judge(parser, asked)
    return asked


def judge(parser, asked):
    if asked.store == "embedded" and asked.gateways != 1:
        parser.error("the embedded store serves one gateway: --gateways 1")
    if asked.store == "embedded" and asked.chaos in ("redis", "flush"):
        parser.error(f"--chaos {asked.chaos} needs --store redis")
    if asked.store == "redis" and not shutil.which("redis-server"):
        parser.error("redis-server is missing: apt-get install redis-server, or --store embedded")
    if asked.chaos_at_s is None:
        asked.chaos_at_s = asked.seconds / 2
    if asked.at_most_s is None:
        asked.at_most_s = asked.seconds + int(120 * asked.fans / asked.per_minute) + 300


def make_room_for(asked):
    """Lets this and what it starts open as many files as may be; fewer sockets if that is few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 65_536 if most == resource.RLIM_INFINITY else min(most, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    if asked.sockets > files - 500:
        asked.sockets = max(files - 500, 1)
        print(f"only {files} files may be open: --sockets {asked.sockets}", file=sys.stderr)


def built(asked):
    """The two programs: those of `--bin`, else of a release build."""
    folder = asked.bin
    if not folder:
        command = ["cargo", "build", "--release", "--locked", "--workspace"]
        subprocess.run(command, cwd=HERE.parent, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target")
        folder = pathlib.Path(target) / "release"
    both = [folder.resolve() / name for name in ("anteroom", "anteroom-fans")]
    for path in both:
        if not path.exists():
            raise SystemExit(f"{path} is missing")
    return both


def sale(house, fans, out, asked):
    """Runs the fans; their exit code, and what the machines did meanwhile."""
    plan = house.folder / "plan.json"
    plan.write_text(json.dumps(the_plan(house, asked)))
    commands = machines.command_counts(house.redis_port)
    generator = subprocess.Popen([fans, "run", plan, out])
    watch = machines.Watch({**house.processes(), "fans": generator}, house)
    chaos = threading.Timer(asked.chaos_at_s, house.chaos, [asked.chaos, asked.chaos_rest_s])
    chaos.daemon = True
    if asked.chaos:
        chaos.start()
    try:
        code = generator.wait(asked.at_most_s + 60)
    except subprocess.TimeoutExpired:
        raise SystemExit("the fans did not come to an end") from None
    finally:
        chaos.cancel()
        if generator.poll() is None:
            generator.kill()
            generator.wait()
        beside = watch.stop()
    if asked.chaos:
        chaos.join()
    beside["commands"] = machines.difference(commands, machines.command_counts(house.redis_port))
    beside["chaos"] = house.done
    return code, beside


def the_plan(house, asked):
    shares = ("vanish", "never_claim", "impatient", "without_script", "claim_by_page", "leave",
              "pages", "think_s")
    marks = [{"at_s": asked.chaos_at_s, "text": machines.CHAOS[asked.chaos]}] if asked.chaos else []
    curve = {"curve": str(asked.curve.resolve())} if asked.curve else {}
    gateways = f"{asked.gateways} gateway" + ("s" if asked.gateways > 1 else "")
    fans = f"the fans of {asked.curve.name}" if asked.curve else f"{asked.fans:,} fans"
    return {
        "title": f"{fans} at {asked.per_minute:,} a minute, {gateways}, {asked.store} store",
        "fans": asked.fans, "seconds": asked.seconds, "shape": asked.shape, **curve,
        "at_most_s": asked.at_most_s, "seed": asked.seed, "room": ROOM, "host": HOST,
        "gateways": house.addresses(), "control_token": CONTROL_TOKEN,
        "habits": {name: getattr(asked, name) for name in shares},
        "sockets": {"most": asked.sockets, "keep_s": asked.keep_alive_s, "addresses": asked.addresses},
        "marks": marks,
    }


def finish(out, beside):
    """Adds what the machines did to the report, and prints it."""
    path = out / "report.json"
    report = json.loads(path.read_text())
    report["machines"] = beside
    path.write_text(json.dumps(report))
    text = machines.table(beside, report["requests"]["total"])
    print(text)
    print(f"\nReport and curves: {out}")


if __name__ == "__main__":
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        print(end.code, file=sys.stderr)
        sys.exit(2)
