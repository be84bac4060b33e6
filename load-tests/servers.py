"""Starts the servers that are compared, knows what CPU time they used, and ends them."""

import getpass
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

SERVER_CORE = "0"
LOAD_CORE = "1"
ROOM = "bench"
STATUS = f"/_anteroom/rooms/{ROOM}/status"
PAGE = "/buy/page"
PAGE_BYTES = 1024
CONTROL_TOKEN = "anteroom_for_the_speed_reading_only_0000000000000"

NGINX = """
user {user};
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  scgi_temp_path {dir}/scgi;
  uwsgi_temp_path {dir}/uwsgi;
  {content}
}}
"""

PEER = """
  upstream site {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = {status} {{ default_type application/json; return 200 '{answer}'; }}
    location / {{
      proxy_pass http://site;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
"""

ORIGIN = """
  server {{ listen 127.0.0.1:{port} backlog=4096; root {dir}/site; }}
"""

ANTEROOM = """
[listen]
public = ["127.0.0.1:{port}"]
control = "127.0.0.1:{control}"
[store]
url = "embedded:./data"
[keys]
dir = "./keys"
[[site]]
name = "shop"
hosts = ["*"]
origin = ["http://127.0.0.1:{origin}"]
"""

# One visitor a minute: nobody but the first few is ever within the horizon. Sessions are long, so
# that no renewal falls into the measurement.
THE_ROOM = f"""
name = "{ROOM}"
site = "shop"
paths = ["/buy/*"]
[pace]
per_minute = 1
[capacity]
active = 100
[session]
idle_s = 7200
absolute_s = 7200
claim_window_s = 600
"""


class Server:
    """One server process with its children, pinned to a core."""

    def __init__(self, name, command, port, core, log):
        self.name, self.port = name, port
        environment = {**os.environ, "ANTEROOM_CONTROL_TOKEN": CONTROL_TOKEN}
        self.process = subprocess.Popen(
            ["taskset", "-c", core, *map(str, command)],
            stdout=log, stderr=log, env=environment,
        )
        await_port(port, self.process, name)

    def pids(self):
        own = self.process.pid
        children = pathlib.Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return [own, *map(int, children)]

    def cpu_seconds(self):
        """User and system time of all its processes."""
        ticks = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Servers:
    """The gateway, the nginx it is compared with, and the origin behind both."""

    def __init__(self, binary, folder, content=ORIGIN):
        self.folder = folder
        self.running = []
        self.log = open(folder / "servers.log", "wb")
        self.binary = binary
        origin, self.public, self.control, self.peer_port = free_ports(4)
        self.origin_port = origin
        site = folder / "origin" / "site" / "buy"
        site.mkdir(parents=True)
        (site / "page").write_bytes(b"x" * PAGE_BYTES)
        self._nginx("origin", content, origin, LOAD_CORE, dir=folder / "origin")
        self.anteroom = self._anteroom()

    def start_peer(self, answer):
        """Starts the nginx to compare with; it gives `answer` to a poll."""
        self.peer = self._nginx(
            "nginx", PEER, self.peer_port, SERVER_CORE,
            origin=self.origin_port, status=STATUS, answer=answer,
        )

    def _nginx(self, name, content, port, core, **values):
        place = self.folder / name
        place.mkdir(exist_ok=True)
        content = content.format(port=port, **values)
        whole = NGINX.format(dir=place, content=content, user=getpass.getuser())
        (place / "nginx.conf").write_text(whole)
        command = [nginx_path(), "-p", place, "-c", place / "nginx.conf"]
        return self._run(name, command, port, core)

    def _anteroom(self):
        policies = self.folder / "policies"
        (policies / "rooms").mkdir(parents=True)
        (policies / "anteroom.toml").write_text(
            ANTEROOM.format(port=self.public, control=self.control, origin=self.origin_port)
        )
        (policies / "rooms" / f"{ROOM}.toml").write_text(THE_ROOM)
        subprocess.run(
            [self.binary, "keys", "generate", "--dir", policies / "keys"],
            check=True, stdout=subprocess.DEVNULL,
        )
        command = [self.binary, "run", "--policies", policies]
        return self._run("anteroom", command, self.public, SERVER_CORE)

    def _run(self, *server):
        self.running.append(Server(*server, self.log))
        return self.running[-1]

    def order(self, order, **words):
        """Gives the room an operator's order."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control}/v1/rooms/{ROOM}/{order}",
            data=json.dumps(words).encode(), headers={"Authorization": f"Bearer {CONTROL_TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def visitors_store_calls(self):
        """Calls of the store on visitors' behalf so far, by the gateway's own metrics."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.control}/metrics",
            headers={"Authorization": f"Bearer {CONTROL_TOKEN}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        verbs = ("join", "check_in", "claim", "leave", "touch", "end")
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith("anteroom_store_calls_total{")
            and any(f'verb="{verb}"' in line for verb in verbs)
        )

    def stop(self):
        for server in reversed(self.running):
            server.stop()
        self.log.close()


def nginx_path():
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [taken.getsockname()[1] for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


def await_port(port, process, name):
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{name} did not start; see servers.log (use --keep to keep it)")
