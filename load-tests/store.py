#!/usr/bin/env python3
"""What a room on Redis costs: starts a redis-server of its own, runs the store's own scripts on it
with a million visitors waiting, and prints a table. `python3 load-tests/store.py` needs
redis-server 7 and three minutes. Times are CPU time of Redis's one thread, by the scheduler."""

import argparse
import hashlib
import pathlib
import random
import re
import socket
import struct
import subprocess
import tempfile
import time

STORE = pathlib.Path(__file__).resolve().parent.parent / "src/store/redis"
PARTS = re.search(r"\[\s*(\"head\".*?)\]", (STORE / "keys.rs").read_text(), re.S).group(1)
ROOM_KEYS = [f"anteroom:{{derby}}:{part}" for part in re.findall(r"\"(\w+)\"", PARTS)]
PLACED = int(re.search(r"MOST_PLACED: usize = (\d+)", (STORE / "mod.rs").read_text()).group(1))
SECOND = 1_000_000
WINDOW = 7
EPOCH = 100
OPEN, ENDED, PREQUEUE, DRAWING = 1, 3, 4, 5
RUN, GATHERED, STAND = 7, 9, 20
SAMPLES = "anteroom:{derby}:samples"


def keys(lanes):
    """The keys of a room with so many lanes."""
    others = range(1, lanes)
    return ROOM_KEYS + [f"anteroom:{{derby}}:{part}:{lane}" for lane in others for part in ("queue", "absent")]


def scripts():
    """The texts of `scripts.rs`: `{name: text}`."""
    found = re.findall(
        r"script!\(\s*\"(\w+)\",\s*\"([\w-]*)\",\s*\[(.*?)\]", (STORE / "scripts.rs").read_text(), re.S
    )
    texts = {}
    for name, flags, pieces in found:
        files = [*re.findall(r"\"(\w+)\"", pieces), name]
        body = "\n".join((STORE / "scripts" / f"{file}.lua").read_text() for file in files)
        texts[name] = f"#!lua flags={flags}\n{body}"
    return texts


def most(lanes, usual):
    """How many ask in one call, as `call.rs` says."""
    return usual // 2 if lanes > 2 else usual


class Redis:
    """A server of our own and one connection to it."""

    def __init__(self, folder, io_core, lanes):
        self.keys = keys(lanes)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--appendonly", "no", "--dir", folder,]
        if io_core:
            command = ["taskset", "-c", "0", *command]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port))
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")
        self.texts = scripts()
        self.shas = {name: hashlib.sha1(text.encode()).hexdigest() for name, text in self.texts.items()}
        for text in self.texts.values():
            self.ask("SCRIPT", "LOAD", text)

    def ask(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        head = b"*%d\r\n" % len(words)
        self.socket.sendall(head + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.answer()

    def answer(self):
        line = self.reader.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise SystemExit(rest.decode())
        if kind == b"$":
            if int(rest) < 0:
                return None
            return self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.answer() for _ in range(int(rest))]
        return int(rest) if kind == b":" else rest

    def run(self, verb, *args):
        birth = struct.pack(">I16s", EPOCH, b"%016x" % 7)
        return self.ask("EVALSHA", self.shas[verb], len(self.keys), *self.keys, birth, *args)

    def memory(self):
        return int(re.search(rb"used_memory:(\d+)", self.ask("INFO", "memory")).group(1))

    def cpu(self):
        """CPU time of the thread that runs commands, in microseconds."""
        pid = self.process.pid
        return int(open(f"/proc/{pid}/task/{pid}/schedstat").read().split()[0]) / 1000

    def end(self):
        self.process.terminate()
        self.process.wait()


class Room:
    """The room, and what is measured of every verb."""

    def __init__(self, redis, lanes):
        self.redis, self.version, self.tick, self.window = redis, 0, 0, WINDOW
        self.lanes = lanes
        self.rate, self.burst, self.rev, self.state = 600, 10, 0, OPEN
        self.rows = []

    def terms(self):
        spans = (120 * SECOND, 180 * SECOND, 300_000, 1_800_000, 0, 600 * SECOND)
        packed = struct.pack(">IIIIQQQQQQHBB", 600, 10, 0, 5_000_000, *spans, 1_000, 3, 10)
        return packed + struct.pack(">H", 1) * self.lanes

    def orders(self):
        self.version += 1
        packed = struct.pack(">QIIIIIIQ", self.version, self.window, self.state, self.rate, self.burst, 0, self.rev, 0)
        packed += struct.pack(">IIII", 0, 0, 0, 0)
        return packed + b'{"version":%d}' % self.version

    def order(self):
        orders = self.orders()
        done = self.redis.run("order", orders, struct.pack(">Q", self.version - 1))
        assert done == 1, done

    def join(self, visitors, lane=0, lasts=60):
        """Joins them all in one lane, or in all one after another; who they are, their places and lanes."""
        lanes = range(self.lanes) if lane is None else [lane]
        said = struct.pack(">QIIBB", lasts * SECOND, self.window, self.window, lanes[0], lanes[-1])
        for at in range(len(visitors)):
            said += struct.pack(">IQB", self.window, lasts * SECOND, lanes[at % len(lanes)])
        answer = self.redis.run("join", self.terms(), said, *visitors)
        stands, place = [], 0
        for at in range(12, len(answer), STAND):
            kind, _, count, first, lane = struct.unpack_from(">BQHQB", answer, at)
            for place in range(first - 1, first - 1 + (count if kind in (RUN, GATHERED) else 1)):
                stands.append((visitors[len(stands)], place, lane))
        assert len(stands) == len(visitors)
        return stands

    def place(self, base, at, visitors):
        chunk = struct.pack(">IIIII", self.window, 0, EPOCH, base, at)
        upto = self.redis.run("place", chunk, *visitors)
        assert upto == at + len(visitors), upto

    def check_in(self, stands, epoch=EPOCH):
        tokens = b"".join(
            visitor + struct.pack(">IIHQQQBB", self.window, epoch, 1, place, 0, 60 * SECOND, lane, 0)
            for visitor, place, lane in stands
        )
        return self.redis.run("check_in", self.terms(), tokens)

    def release(self, elapsed=250_000):
        proposal = struct.pack(">QQQB", self.tick, elapsed, elapsed, 0)
        answer = self.redis.run("release", self.terms(), proposal)
        assert answer[0] == 1, "the tick was not won"
        self.tick += 1
        batch = answer[73:]
        return [batch[at : at + 16] for at in range(0, len(batch), 16)]

    def claim(self, visitors):
        claims = b"".join(
            visitor + struct.pack(">IH", self.window, 1) + jti(visitor) + struct.pack(">Q", 1_000_000)
            for visitor in visitors
        )
        return self.redis.run("claim", self.terms(), claims)

    def leave(self, visitors):
        return self.redis.run("leave", b"".join(v + struct.pack(">IH", self.window, 1) for v in visitors))

    def touch(self, names):
        return self.redis.run("touch", b"".join(n + struct.pack(">IQ", self.rev, 300 * SECOND) for n in names))

    def end(self, names):
        return self.redis.run("end", b"".join(n + struct.pack(">BQ", 1, 300 * SECOND) for n in names))

    def survey(self):
        return self.redis.run("survey", self.terms(), struct.pack(">Q", 0), b"gateway1")

    def sweep(self):
        return self.redis.run("sweep", self.terms())

    def recover(self):
        more = struct.pack(">IQQQB", EPOCH + 1, 0, 0, 0, 0)
        return self.redis.run("recover", self.orders(), more)

    def measure(self, what, each, calls):
        """Makes the calls one by one; a row of the table: CPU time of Redis per call and per
        visitor, all in (reading the command and sending the answer too), and the longest call."""
        spans, answers = [], []
        for call in calls:
            before = self.redis.cpu()
            answers.append(call())
            spans.append(self.redis.cpu() - before)
        mean, most = sum(spans) / len(spans), max(spans)
        self.rows.append((what, len(spans), mean, mean / each, most))
        print(f"{what:48} {len(spans):6} calls {mean:9.0f} µs a call {mean / each:8.2f} µs each, "
              f"longest {most / 1000:6.2f} ms", flush=True)
        return answers


def jti(visitor):
    return bytes(byte ^ 0x5A for byte in visitor)


def parts(all, size):
    return [all[at : at + size] for at in range(0, len(all), size)]


def fill(room, chance, count):
    stands = []
    for at, part in enumerate(parts([chance.randbytes(16) for _ in range(count)], 1_000)):
        stands += room.join(part, at % room.lanes)
    return stands


def floor(room, chance):
    """What no script could do without: sorted sets alone, in a key of their own."""
    scored = lambda at: [word for one in range(1_000) for word in (at * 1_000 + one, chance.randbytes(16))]
    for at in range(200):
        room.redis.ask("ZADD", "floor", *scored(at))
    room.measure("floor: plain ZADD of 1,000", 1_000, [lambda at=at: room.redis.ask("ZADD", "floor", *scored(at)) for at in range(200, 260)])
    room.measure("floor: plain ZPOPMIN of 1,000", 1_000, [lambda: room.redis.ask("ZPOPMIN", "floor", 1_000)] * 60)
    room.redis.ask("DEL", "floor")


def run(room, count):
    redis, chance = room.redis, random.Random(7)
    empty = redis.memory()
    floor(room, chance)
    room.order()
    stands, memory = fill(room, chance, 1_000), []

    def survey_anew():
        redis.ask("DEL", SAMPLES)
        return room.survey()

    room.measure("survey of 1,000 waiting, samples new", 1, [survey_anew] * 100)
    for waiting in (count // 10, count):
        stands += fill(room, chance, waiting - len(stands))
        room.survey()
        room.release()
        memory.append((waiting, "waiting", (redis.memory() - empty) / waiting))
        print(f"{waiting:,} waiting: {memory[-1][2]:.1f} bytes each", flush=True)

    fresh = lambda size, calls: [
        (lambda at=at, part=part: room.join(part, at % room.lanes))
        for at, part in enumerate(parts([chance.randbytes(16) for _ in range(size * calls)], size))
    ]
    room.measure("join, 1 at a time", 1, fresh(1, 2_000))
    room.measure("join, 100 at a time", 100, fresh(100, 500))
    room.measure("join, 500 at a time", 500, fresh(500, 100))
    room.measure("join, 1,000 at a time", 1_000, fresh(1_000, 60))
    asks, joins = most(room.lanes, 200), most(room.lanes, 250)
    if room.lanes > 1:
        mixed = parts([chance.randbytes(16) for _ in range(60 * joins)], joins)
        room.measure(f"join all lanes, {joins} at a time", joins, [lambda p=p: room.join(p, None) for p in mixed])
    again = chance.sample(stands, 20_000)
    room.measure(f"join again, {joins} at a time", joins, [lambda p=p: room.join([v for v, *_ in p]) for p in parts(again, joins)])
    near = stands[1_000:3_000]
    room.measure("check-in near the front, 1 at a time", 1, [lambda s=s: room.check_in([s]) for s in near])
    room.measure(f"check-in near the front, {asks} at a time", asks, [lambda p=p: room.check_in(p) for p in parts(near, asks)])
    room.measure(f"check-in from afar, {asks} at a time", asks, [lambda p=p: room.check_in(p) for p in parts(again, asks)])
    room.measure("survey, samples kept", 1, [room.survey] * 200)

    room.measure("survey, samples new", 1, [survey_anew] * 20)

    room.measure("release of 2", 1, [room.release] * 100)
    room.rate, room.burst = 240_000, 4_000
    room.order()
    room.release()
    batches = room.measure("release of 1,000 who never checked in", 1_000, [room.release] * 40)
    # Time passes until all whom the horizon reached are expected to have checked in, as many do.
    for _ in range(30):
        room.release(3 * SECOND // 2)
    for part in parts(stands[40_000:240_000], 200):
        room.check_in(part)
    for _ in range(20):
        room.release(3 * SECOND // 2)
    for _ in range(10):
        room.release()
    batches += room.measure("release of 1,000 who checked in", 1_000, [room.release] * 40)
    assert all(len(batch) == 1_000 for batch in batches), [len(batch) for batch in batches]
    out = [visitor for batch in batches for visitor in batch]
    room.measure("claim, 1 at a time", 1, [lambda v=v: room.claim([v]) for v in out[:2_000]])
    room.measure(f"claim, {asks} at a time", asks, [lambda p=p: room.claim(p) for p in parts(out[2_000:22_000], asks)])
    inside = [jti(visitor) for visitor in out[:20_000]]
    room.measure("touch, 200 at a time", 200, [lambda p=p: room.touch(p) for p in parts(inside, 200)])
    room.measure("end, 200 at a time", 200, [lambda p=p: room.end(p) for p in parts(inside[:5_000], 200)])
    room.measure("leave from inside, 200 at a time", 200, [lambda p=p: room.leave(p) for p in parts(out[5_000:10_000], 200)])
    going = [visitor for visitor, *_ in chance.sample(stands[240_000:], 5_000)]
    room.measure("leave the queue, 200 at a time", 200, [lambda p=p: room.leave(p) for p in parts(going, 200)])
    room.rate, room.burst = 60, 1
    room.order()
    # Time passes in a room that lets nobody in: turns are missed, sessions run out, visitors lapse.
    room.measure("release that ends what ran out", 1, [lambda: room.release(4 * SECOND)] * 320)
    room.measure("sweep of 500", 1, [room.sweep] * 60)
    room.recover()
    lost = [(chance.randbytes(16), (EPOCH - 1 << 29) + at, at % room.lanes) for at in range(10_000)]
    room.measure(f"check-in that puts back, {asks} at a time", asks, [lambda p=p: room.check_in(p, EPOCH - 1) for p in parts(lost, asks)])
    room.rev += 1
    room.measure("order that revokes every session", 1, [room.order])
    room.state = ENDED
    room.measure("order that dismisses the whole queue", 1, [room.order])
    return memory


def draw(room, count):
    """A lobby of so many: joined, frozen, read, placed and opened."""
    redis, chance = room.redis, random.Random(8)
    redis.ask("FLUSHALL")
    empty, memory = redis.memory(), []
    room.state = PREQUEUE
    room.order()
    for at, part in enumerate(parts([chance.randbytes(16) for _ in range(count - 50_000)], 1_000)):
        room.join(part, at % room.lanes)
    late = parts([chance.randbytes(16) for _ in range(50_000)], 500)
    room.measure("join the lobby, 500 at a time", 500, [lambda p=p: room.join(p) for p in late])
    memory.append((count, "in the lobby", (redis.memory() - empty) / count))
    room.measure("survey of a lobby", 1, [room.survey] * 100)
    room.state = DRAWING
    room.measure("order that freezes the lobby", 1, [room.order])
    page = lambda at: redis.run("lobby", struct.pack(">II", at, 4_000))[8:]
    pages = room.measure("page of 4,000 of it", 4_000, [lambda at=at: page(at) for at in range(0, count, 4_000)])
    members = parts(b"".join(pages), 16)
    assert len(set(members)) == count
    chance.shuffle(members)
    chunks = list(enumerate(parts(members, PLACED)))
    places = [lambda n=n, p=p: room.place(0, PLACED * n, p) for n, p in chunks]
    room.measure(f"placing {PLACED}", PLACED, places)
    memory.append((count, "frozen and placed", (redis.memory() - empty) / count))
    rank = struct.pack(">III", room.window, count // 2, 4_000)
    room.measure("page of 4,000 of the roster", 4_000, [lambda: redis.run("roster", rank)] * 50)
    room.state = OPEN
    room.measure("order that opens", 1, [room.order])
    time.sleep(2)
    memory.append((count, "drawn and open", (redis.memory() - empty) / count))
    return memory


def main():
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--waiting", type=int, default=1_000_000, help="how many wait")
    asked.add_argument("--pin", action="store_true", help="keep Redis on core 0")
    asked.add_argument("--lanes", type=int, default=1, help="how many lanes of one weight they wait in")
    asked.add_argument("--draw", action="store_true", help="measure a draw, and nothing else")
    asked = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        redis = Redis(folder, asked.pin, asked.lanes)
        try:
            room = Room(redis, asked.lanes)
            memory = (draw if asked.draw else run)(room, asked.waiting)
        finally:
            redis.end()
    print("\n| what | calls | µs a call | µs each | longest, ms |\n|---|---|---|---|---|")
    for what, calls, mean, each, most in room.rows:
        print(f"| {what} | {calls:,} | {mean:,.0f} | {each:.2f} | {most / 1000:.2f} |")
    for count, how, bytes_each in memory:
        print(f"\n{count:,} {how}: {bytes_each:.1f} bytes of Redis memory each")


if __name__ == "__main__":
    main()
