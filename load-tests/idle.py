#!/usr/bin/env python3
"""What an idle connection costs: user-space memory, beside nginx and HAProxy in the same run.

Opens thousands of keep-alive connections, asks once on each, and lets them rest; then asks on all
of them at once and lets them rest again, as a sale does. The figure is the growth of VmRSS of the
server's processes divided by the connections. What the kernel keeps for a socket is the same for
all and not counted.

Needs Linux, Python 3, nginx, HAProxy, and a limit on open files that allows twice the connections.
Takes about a minute.
"""

import argparse
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from servers import ANTEROOM, CONTROL_TOKEN, ROOM, STATUS, THE_ROOM, await_port, free_ports, nginx_path

HERE = pathlib.Path(__file__).resolve().parent
REPORT = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- idle: begin -->", "<!-- idle: end -->"

ANSWER = '{"state":"waiting","position":null}'
REQUEST = (
    f"GET {STATUS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\r\n"
).encode()

NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  keepalive_timeout 300s;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  scgi_temp_path {dir}/scgi;
  uwsgi_temp_path {dir}/uwsgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}
}}
"""

HAPROXY = """
global
  maxconn {most}
  nbthread 1
defaults
  mode http
  timeout client 300s
  timeout http-keep-alive 300s
  timeout connect 5s
  timeout server 5s
frontend front
  bind 127.0.0.1:{port}
  http-request return status 200 content-type application/json string '{answer}'
"""


class Server:
    """One server under test, with its children."""

    def __init__(self, name, command, port, folder):
        self.name, self.port = name, port
        self.log = open(folder / f"{name}.log", "wb")
        self.process = subprocess.Popen(
            list(map(str, command)), stdout=self.log, stderr=self.log,
            env={**os.environ, "ANTEROOM_CONTROL_TOKEN": CONTROL_TOKEN},
        )
        await_port(port, self.process, name)

    def memory(self):
        """VmRSS of all its processes, in bytes."""
        own = self.process.pid
        children = pathlib.Path(f"/proc/{own}/task/{own}/children").read_text().split()
        total = 0
        for pid in [own, *children]:
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def anteroom(folder, binary):
    port, control, origin = free_ports(3)
    policies = folder / "policies"
    (policies / "rooms").mkdir(parents=True)
    text = ANTEROOM.format(port=port, control=control, origin=origin)
    (policies / "anteroom.toml").write_text(text)
    (policies / "rooms" / f"{ROOM}.toml").write_text(THE_ROOM)
    keys = [binary, "keys", "generate", "--dir", policies / "keys"]
    subprocess.run(keys, check=True, stdout=subprocess.DEVNULL)
    return Server("anteroom", [binary, "run", "--policies", policies], port, folder)


def nginx(folder, most):
    [port] = free_ports(1)
    text = NGINX.format(dir=folder, port=port, answer=ANSWER, files=most + 500)
    (folder / "nginx.conf").write_text(text)
    command = [nginx_path(), "-p", folder, "-c", folder / "nginx.conf"]
    return Server("nginx", command, port, folder)


def haproxy(folder, most):
    [port] = free_ports(1)
    text = HAPROXY.format(port=port, answer=ANSWER, most=most + 500)
    (folder / "haproxy.cfg").write_text(text)
    path = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return Server("haproxy", [path, "-db", "-f", folder / "haproxy.cfg"], port, folder)


def ask(connection):
    connection.sendall(REQUEST)


def hear(connection):
    answer = connection.recv(65_536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"an answer that is not 200: {answer[:200]!r}")


def visit(server):
    connection = socket.create_connection(("127.0.0.1", server.port), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ask(connection)
    hear(connection)
    return connection


def measure(server, most):
    """Bytes a connection: opened one after another, and after all asked at once."""
    for _ in range(200):
        visit(server).close()
    time.sleep(1)
    before = server.memory()
    crowd = [visit(server) for _ in range(most)]
    time.sleep(3)
    opened = server.memory() - before
    for connection in crowd:
        ask(connection)
    for connection in crowd:
        hear(connection)
    peak = server.memory() - before
    time.sleep(5)
    rested = server.memory() - before
    for connection in crowd:
        connection.close()
    time.sleep(3)
    gone = server.memory() - before
    return [figure / most for figure in (opened, peak, rested)] + [gone / 2**20]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=9_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the result into the report")
    asked = parser.parse_args()
    binary = os.environ.get("ANTEROOM_BIN") or HERE.parent / "target" / "release" / "anteroom"
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 2 * asked.connections:
        raise SystemExit(f"{asked.connections} connections need {2 * asked.connections} open files")
    found = {}
    for _ in range(asked.rounds):
        for start in (lambda place: anteroom(place, binary),
                      lambda place: nginx(place, asked.connections),
                      lambda place: haproxy(place, asked.connections)):
            folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-idle-"))
            server = start(folder)
            try:
                found.setdefault(server.name, []).append(measure(server, asked.connections))
            finally:
                server.stop()
                shutil.rmtree(folder, ignore_errors=True)
    lines = [
        f"`python3 load-tests/idle.py`, {time.strftime('%Y-%m-%d')}, "
        f"{asked.connections:,} connections, median of {asked.rounds} rounds.",
        "",
        "| server | idle, B/connection | all asked at once, B | idle again, B | after closing, MiB |",
        "|---|---|---|---|---|",
    ]
    for name, rounds in found.items():
        opened, peak, rested, gone = (statistics.median(column) for column in zip(*rounds))
        lines.append(f"| {name} | {opened:,.0f} | {peak:,.0f} | {rested:,.0f} | {gone:.1f} |")
    print("\n".join(lines))
    if asked.write:
        text = REPORT.read_text()
        head, _, rest = text.partition(BEGIN)
        tail = rest.partition(END)[2]
        REPORT.write_text(head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + tail)
    return 0


if __name__ == "__main__":
    sys.exit(main())
