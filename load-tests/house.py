"""Starts what a sale needs (a redis-server, gateways, a shop), breaks it on order, and ends it."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

from servers import free_ports

ROOM = "sale"
HOST = "tickets.example"
CONTROL_TOKEN = "anteroom_for_the_load_test_only_000000000000000000"
PATIENCE_S = 30

# The policies that are shipped: their limits hold for the sale too.
SHIPPED = pathlib.Path(__file__).resolve().parent.parent / "policies"

GATEWAY = """
[listen]
public = ["127.0.0.1:{public}"]
control = "127.0.0.1:{control}"
[store]
url = "{store}"
[keys]
dir = "{keys}"
[[site]]
name = "shop"
hosts = ["{host}"]
origin = ["http://127.0.0.1:{shop}"]
"""

THE_ROOM = """
name = "{room}"
site = "shop"
paths = ["/buy/*"]
[pace]
per_minute = {per_minute}
{burst}
[capacity]
active = {capacity}
[session]
idle_s = 300
absolute_s = 1800
claim_window_s = 120
"""


class House:
    """All servers of a sale."""

    def __init__(self, anteroom, fans, folder, asked):
        self.anteroom, self.folder = anteroom, folder
        self.running, self.done = {}, []
        self.lock = threading.Lock()
        self.log = open(folder / "servers.log", "ab")
        shop, self.redis_port, *ports = free_ports(2 + 2 * asked.gateways)
        self.gateways = list(zip(ports[::2], ports[1::2]))
        store = f"redis://127.0.0.1:{self.redis_port}"
        if asked.store == "embedded":
            store, self.redis_port = "embedded:./data", None
        try:
            self._policies(store, shop, asked)
            if self.redis_port:
                self._start("redis", self._redis(), self.redis_port)
            self._start("shop", [fans, "shop", f"127.0.0.1:{shop}"], shop)
            for number in range(1, asked.gateways + 1):
                self._start_gateway(number)
            for number in range(1, asked.gateways + 1):
                self._await_ready(number)
        except BaseException:
            self.stop()
            raise

    def _policies(self, store, shop, asked):
        keys = self.folder / "keys"
        subprocess.run([self.anteroom, "keys", "generate", "--dir", keys],
                       check=True, stdout=subprocess.DEVNULL)
        burst = f"burst = {asked.burst}" if asked.burst else ""
        for number, (public, control) in enumerate(self.gateways, 1):
            place = self.folder / f"gateway-{number}"
            (place / "rooms").mkdir(parents=True)
            (place / "anteroom.toml").write_text(GATEWAY.format(
                public=public, control=control, store=store, keys=keys, host=HOST, shop=shop))
            (place / "rooms" / f"{ROOM}.toml").write_text(THE_ROOM.format(
                room=ROOM, per_minute=asked.per_minute, burst=burst, capacity=asked.capacity))
            shutil.copy(SHIPPED / "limits.toml", place)

    def _redis(self):
        place = self.folder / "redis"
        place.mkdir()
        return ["redis-server", "--port", self.redis_port, "--bind", "127.0.0.1", "--dir", place,
                "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]

    def _start_gateway(self, number):
        command = [self.anteroom, "run", "--policies", self.folder / f"gateway-{number}"]
        self._start(f"gateway {number}", command, self.gateways[number - 1][0])

    def _start(self, name, command, port):
        environment = {**os.environ, "ANTEROOM_CONTROL_TOKEN": CONTROL_TOKEN}
        process = subprocess.Popen([str(word) for word in command], stdout=self.log,
                                   stderr=self.log, env=environment, start_new_session=True)
        self.running[name] = (process, command, port)
        for _ in range(PATIENCE_S * 20):
            if process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{name} did not start:\n{self._last_words()}")

    def _await_ready(self, number):
        control = self.gateways[number - 1][1]
        for _ in range(PATIENCE_S * 10):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{control}/readyz", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"gateway {number} does not become ready:\n{self._last_words()}")

    def _last_words(self):
        self.log.flush()
        return "\n".join((self.folder / "servers.log").read_text(errors="replace").splitlines()[-15:])

    def addresses(self):
        return [{"public": f"127.0.0.1:{public}", "control": f"127.0.0.1:{control}"}
                for public, control in self.gateways]

    def processes(self):
        return {name: process for name, (process, _, _) in self.running.items()}

    def order(self, order, **words):
        """Gives the room an operator's order."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.gateways[0][1]}/v1/rooms/{ROOM}/{order}",
            data=json.dumps(words).encode(), headers={"Authorization": f"Bearer {CONTROL_TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise SystemExit(f"the room did not {order}: {refused.read().decode()}") from None

    def chaos(self, what, rest_s):
        """Breaks what the sale runs on, and mends it; `done` says what came of it."""
        began = time.monotonic()
        mended = True
        try:
            if what == "flush":
                answer = redis_call(self.redis_port, "FLUSHALL")
            else:
                name = "redis" if what == "redis" else "gateway 1"
                answer = self._kill_and_restart(name, rest_s)
        except (OSError, SystemExit) as fault:
            mended, answer = False, str(fault)
        took = round(time.monotonic() - began, 2)
        self.done.append({"what": what, "answer": answer, "took_s": took, "mended": mended})

    def _kill_and_restart(self, name, rest_s):
        process, command, port = self.running[name]
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(rest_s)
        with self.lock:
            if not self.running:
                raise SystemExit("the sale was over before it was to start again")
            self._start(name, command, port)
        return f"killed, and started again after {rest_s:g} s"

    def stop(self):
        with self.lock:
            running, self.running = self.running, {}
        for process, _, _ in reversed(list(running.values())):
            process.terminate()
        for process, _, _ in running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.log.close()


def redis_call(port, *words):
    """One command and its answer, as text."""
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        parts = [word.encode() for word in words]
        line.sendall(b"*%d\r\n" % len(parts)
                     + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        reader = line.makefile("rb")
        first = reader.readline().strip()
        if first.startswith(b"$"):
            return reader.read(int(first[1:])).decode()
        return first[1:].decode()
