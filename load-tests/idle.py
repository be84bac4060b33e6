#!/usr/bin/env python3
"""What an idle connection costs: user-space memory, beside nginx and HAProxy in the same run.

Opens thousands of keep-alive connections, asks once on each, and lets them rest; then asks on all
of them at once and lets them rest again, as a sale does. The figure is the growth of VmRSS of the
server's processes divided by the connections. What the kernel keeps for a socket is the same for
all and not counted.

The exit code is 1 where an idle connection of the gateway costs more than 4,096 B, over TLS more
than 16,384 B, after being opened or after all were asked at once. HTTP/2 has no mark: it is told
what it costs.

Needs Linux, Python 3, nginx, HAProxy, and a limit on open files that allows twice the connections.
A round takes about half a minute.
"""

import argparse
import os
import pathlib
import resource
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

from servers import ANTEROOM, CONTROL_TOKEN, ROOM, STATUS, THE_ROOM, await_port, free_ports, nginx_path

HERE = pathlib.Path(__file__).resolve().parent
REPORT = HERE.parent / "docs" / "performance.md"

# The most that an idle connection of the gateway may cost, in bytes.
MARKS = {"plain": 4_096, "tls": 16_384}

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ANSWER = '{"state":"waiting","position":null}'
REQUEST = (
    f"GET {STATUS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
    f"User-Agent: {AGENT}\r\n\r\n"
).encode()

NGINX = """
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections {many}; }}
http {{
  access_log off;
  keepalive_timeout 300s;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  scgi_temp_path {dir}/scgi;
  uwsgi_temp_path {dir}/uwsgi;
  {certificate}
  server {{
    listen 127.0.0.1:{port}{layer} backlog=4096;
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
  bind 127.0.0.1:{port}{layer}
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


def certificate(folder):
    """A certificate and its key for this run, and both in one file."""
    chain, key, both = (folder / name for name in ("idle.pem", "idle.key", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", chain, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1,DNS:idle.example"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    key.chmod(0o600)
    both.write_text(chain.read_text() + key.read_text())


def anteroom(folder, binary, encrypted):
    port, control, origin, clear = free_ports(4)
    policies = folder / "policies"
    (policies / "rooms").mkdir(parents=True)
    if encrypted:
        text = ANTEROOM.format(port=clear, control=control, origin=origin)
        text = text.replace("[listen]", f'[listen]\ntls = ["127.0.0.1:{port}"]')
        text += f'[[tls.certificate]]\nchain = "{folder}/idle.pem"\nkey = "{folder}/idle.key"\n'
    else:
        text = ANTEROOM.format(port=port, control=control, origin=origin)
    (policies / "anteroom.toml").write_text(text)
    (policies / "rooms" / f"{ROOM}.toml").write_text(THE_ROOM)
    keys = [binary, "keys", "generate", "--dir", policies / "keys"]
    subprocess.run(keys, check=True, stdout=subprocess.DEVNULL)
    return Server("anteroom", [binary, "run", "--policies", policies], port, folder)


def nginx(folder, most, layer):
    [port] = free_ports(1)
    pair = f"ssl_certificate {folder}/idle.pem; ssl_certificate_key {folder}/idle.key;"
    text = NGINX.format(
        dir=folder, port=port, answer=ANSWER, files=most + 500, many=2 * most,
        layer={"plain": "", "tls": " ssl", "http2": " ssl http2"}[layer],
        certificate="" if layer == "plain" else pair,
    )
    (folder / "nginx.conf").write_text(text)
    command = [nginx_path(), "-p", folder, "-c", folder / "nginx.conf"]
    return Server("nginx", command, port, folder)


def haproxy(folder, most, layer):
    [port] = free_ports(1)
    crt = f" ssl crt {folder}/both.pem"
    words = {"plain": "", "tls": crt, "http2": f"{crt} alpn h2"}[layer]
    text = HAPROXY.format(port=port, answer=ANSWER, most=most + 500, layer=words)
    (folder / "haproxy.cfg").write_text(text)
    path = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return Server("haproxy", [path, "-db", "-f", folder / "haproxy.cfg"], port, folder)


class Line:
    """A connection on which HTTP/1.1 is spoken."""

    def __init__(self, stream):
        self.stream = stream

    def ask(self):
        self.stream.sendall(REQUEST)

    def hear(self):
        answer = self.stream.recv(65_536)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise OSError(f"an answer that is not 200: {answer[:200]!r}")

    def close(self):
        self.stream.close()


class Streams(Line):
    """A connection on which HTTP/2 is spoken, as far as one GET after another needs it."""

    DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
    END_STREAM, END_HEADERS, ACK = 1, 4, 1
    STATUS_200 = 0x88

    def __init__(self, stream):
        super().__init__(stream)
        self.newest, self.unread = -1, b""
        # GET and https stand in the static table; the rest are values for names from it.
        self.block = b"\x82\x87"
        for name, value in ((1, "127.0.0.1"), (4, STATUS), (19, "application/json"), (58, AGENT)):
            index = bytes([name]) if name < 15 else bytes([15, name - 15])
            self.block += index + bytes([len(value)]) + value.encode()
        stream.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(self.SETTINGS))

    @staticmethod
    def frame(kind, flags=0, stream=0, payload=b""):
        head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
        return head + payload

    def ask(self):
        self.newest += 2
        flags = self.END_STREAM | self.END_HEADERS
        self.stream.sendall(self.frame(self.HEADERS, flags, self.newest, self.block))

    def hear(self):
        """Reads to the end of the newest stream, and answers what has to be."""
        while True:
            kind, flags, stream, payload = self.next()
            if kind in (self.SETTINGS, self.PING) and not flags & self.ACK:
                back = payload if kind == self.PING else b""
                self.stream.sendall(self.frame(kind, self.ACK, 0, back))
            if stream == self.newest and kind == self.HEADERS and payload[0] != self.STATUS_200:
                raise OSError(f"an answer that is not 200: {payload[:40]!r}")
            if stream == self.newest and flags & self.END_STREAM:
                return

    def next(self):
        """The next frame. Bytes beyond it are kept, and nothing where there are none."""
        while len(self.unread) < 9 or len(self.unread) < 9 + int.from_bytes(self.unread[:3], "big"):
            more = self.stream.recv(65_536)
            if not more:
                raise OSError("closed before the answer's end")
            self.unread += more
        end = 9 + int.from_bytes(self.unread[:3], "big")
        frame, self.unread = self.unread[:end], self.unread[end:]
        return frame[3], frame[4], int.from_bytes(frame[5:9], "big"), frame[9:]


def visit(server, layer):
    stream = socket.create_connection(("127.0.0.1", server.port), 5)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if layer:
        stream = layer.wrap_socket(stream, server_hostname="idle.example")
    is_http2 = layer and stream.selected_alpn_protocol() == "h2"
    line = Streams(stream) if is_http2 else Line(stream)
    line.ask()
    line.hear()
    return line


def measure(server, most, layer):
    """Bytes a connection: opened one after another, and after all asked at once."""
    for _ in range(200):
        visit(server, layer).close()
    time.sleep(1)
    before = server.memory()
    crowd = [visit(server, layer) for _ in range(most)]
    time.sleep(3)
    opened = server.memory() - before
    for line in crowd:
        line.ask()
    for line in crowd:
        line.hear()
    peak = server.memory() - before
    time.sleep(5)
    rested = server.memory() - before
    for line in crowd:
        line.close()
    time.sleep(3)
    gone = server.memory() - before
    return [figure / most for figure in (opened, peak, rested)] + [gone / 2**20]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, help="9,000, with HTTP/2 4,000, or what the limit on open files allows")
    parser.add_argument("--tls", action="store_true", help="over TLS 1.3")
    parser.add_argument("--http2", action="store_true", help="HTTP/2, over TLS 1.3")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the result into the report")
    asked = parser.parse_args()
    kind = "http2" if asked.http2 else "tls" if asked.tls else "plain"
    # Few enough for all to have been asked twice before the first is asked for a sign of life.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    asked.connections = asked.connections or min(hard // 2 - 500, 4_000 if asked.http2 else 9_000)
    binary = os.environ.get("ANTEROOM_BIN") or HERE.parent / "target" / "release" / "anteroom"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 2 * asked.connections or asked.connections < 1:
        raise SystemExit(f"{asked.connections} connections need {2 * asked.connections} open files")
    layer = None
    if kind != "plain":
        layer = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        layer.check_hostname, layer.verify_mode = False, ssl.CERT_NONE
        layer.set_alpn_protocols(["h2" if asked.http2 else "http/1.1"])
    found = {}
    for _ in range(asked.rounds):
        for start in (lambda place: anteroom(place, binary, kind != "plain"),
                      lambda place: nginx(place, asked.connections, kind),
                      lambda place: haproxy(place, asked.connections, kind)):
            folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-idle-"))
            certificate(folder)
            server = start(folder)
            try:
                found.setdefault(server.name, []).append(measure(server, asked.connections, layer))
                print(server.name, found[server.name][-1], file=sys.stderr)
            except OSError as fault:
                raise SystemExit(f"{server.name}: {fault}") from fault
            finally:
                server.stop()
                shutil.rmtree(folder, ignore_errors=True)
    lines = [
        f"`python3 load-tests/idle.py{'' if kind == 'plain' else f' --{kind}'}`, {time.strftime('%Y-%m-%d')}, "
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
        begin, end = f"<!-- idle {kind}: begin -->", f"<!-- idle {kind}: end -->"
        head, _, rest = text.partition(begin)
        tail = rest.partition(end)[2]
        REPORT.write_text(head + begin + "\n" + "\n".join(lines) + "\n" + end + tail)
    return 0 if keeps_the_mark(found["anteroom"], kind, asked.connections) else 1


def keeps_the_mark(rounds, kind, connections):
    """Whether the gateway's idle connections cost no more than they may; says what they cost."""
    opened, _, rested, _ = (statistics.median(column) for column in zip(*rounds))
    words = f"{kind}: {opened:,.0f} B when opened, {rested:,.0f} B idle again, {connections:,} connections"
    mark = MARKS.get(kind)
    kept = mark is None or max(opened, rested) <= mark
    if not kept:
        words += f"; more than {mark:,} B"
        print(words, file=sys.stderr)
    if "ANTEROOM_RESULT" in os.environ:
        with open(os.environ["ANTEROOM_RESULT"], "a", encoding="utf-8") as result:
            result.write(words + "\n")
    return kept


if __name__ == "__main__":
    sys.exit(main())
