#!/usr/bin/env python3
"""Debian's WordPress, straight and through a gateway: reading, logging in, uploading, commenting.

Starts a MariaDB, a php-fpm and an nginx of its own below a temporary folder, sets up a WordPress,
and walks through it twice in step: straight, and through a gateway behind a pretended TLS proxy
(`X-Forwarded-Proto: https`). Once the gateway's room lies beside the site, once the whole site is
in the room and the visitor is admitted first. Prints every difference; exit code 1 if there is one.

Needs Linux, Python 3.11, the Debian packages wordpress, wordpress-theme-twentytwentythree,
php-fpm, php-mysql, mariadb-server and nginx, and a built gateway: --bin FOLDER. Takes about a minute. Nothing is left running.
"""

import argparse
import glob
import http.client
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zlib

from servers import CONTROL_TOKEN, NGINX, free_ports, nginx_path

HOST = "tickets.example"
PASSWORD = "a-password-of-the-test"

SITE = """
  include /etc/nginx/mime.types;
  gzip on; gzip_types text/css application/javascript;
  server {{
    listen 127.0.0.1:{port};
    root {root};
    index index.php;
    client_max_body_size 20m;
    location / {{ try_files $uri $uri/ /index.php?$args; }}
    location ~ \\.php$ {{
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_param SERVER_NAME $host;
      fastcgi_pass unix:{dir}/php.sock;
    }}
  }}
"""

PHP = """
[global]
error_log = {dir}/php.log
daemonize = no
[www]
user = {user}
group = {group}
listen = {dir}/php.sock
pm = static
pm.max_children = 4
"""

CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:{dir}/db.sock'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
foreach (array('AUTH_KEY', 'SECURE_AUTH_KEY', 'LOGGED_IN_KEY', 'NONCE_KEY', 'AUTH_SALT',
    'SECURE_AUTH_SALT', 'LOGGED_IN_SALT', 'NONCE_SALT') as $name) {{ define($name, 'of the test ' . $name); }}
define('WP_HOME', 'https://{host}'); define('WP_SITEURL', 'https://{host}');
define('DISABLE_WP_CRON', true); define('WP_HTTP_BLOCK_EXTERNAL', true); define('AUTOMATIC_UPDATER_DISABLED', true);
if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {{ $_SERVER['HTTPS'] = 'on'; }}
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {{ define('ABSPATH', __DIR__ . '/'); }}
require_once ABSPATH . 'wp-settings.php';
"""

GATEWAY = """
[listen]
public = ["127.0.0.1:{public}"]
control = "127.0.0.1:{control}"
[store]
url = "embedded:./data"
[keys]
dir = "./keys"
[proxies]
trusted = ["127.0.0.0/8"]
[[site]]
name = "blog"
hosts = ["{host}"]
origin = ["http://127.0.0.1:{site}"]
"""

ROOM = """
name = "blog"
site = "blog"
paths = ["{paths}"]
[pace]
per_minute = 6000
[window]
opens_at = "2025-06-01T00:00:00Z"
"""

# What a gateway may change, and why: the connection is another one; the answers of a room are
# its visitor's alone; times pass.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "date"}
PRIVATE = {"cache-control", "vary"}


def main():
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-wordpress-"))
    folder.chmod(0o755)
    running, faults, steps = [], [], 0
    try:
        site = wordpress(folder, running)
        for name, paths in (("beside", "/buy/*"), ("inside", "/*")):
            door = gateway(asked.bin / "anteroom", folder / name, site, paths, running)
            straight, through = Visitor(site), Visitor(door)
            through.comes_in()
            found, walked = walk(straight, through, name, PRIVATE if name == "inside" else set())
            faults += [f"{name} the room: {fault}" for fault in found]
            steps += walked
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(faults) or f"{steps} steps, no difference")
    if "ANTEROOM_RESULT" in os.environ:
        text = f"{steps} steps, {len(faults)} differences\n"
        pathlib.Path(os.environ["ANTEROOM_RESULT"]).write_text(text)
    raise SystemExit(1 if faults else 0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the built gateway")
    return parser.parse_args()


def start(running, folder, words, ready):
    """Starts a server and waits until `ready` holds."""
    log = open(folder / "servers.log", "ab")
    environment = {**os.environ, "ANTEROOM_CONTROL_TOKEN": CONTROL_TOKEN}
    process = subprocess.Popen([str(word) for word in words], stdout=log, stderr=log, env=environment)
    running.append(process)
    for _ in range(600):
        if process.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.1)
    raise SystemExit(f"{words[0]} did not start:\n{(folder / 'servers.log').read_text()[-2000:]}")


def wordpress(folder, running):
    """A WordPress of its own; gives the port."""
    user, group = ("www-data", "www-data") if os.getuid() == 0 else (os.getlogin(), os.getlogin())
    data, root = folder / "db", folder / "wordpress"
    as_user = ["--user=root"] if os.getuid() == 0 else []
    subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
                    "--auth-root-authentication-method=normal", *as_user],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    start(running, folder, ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={folder}/db.sock",
                            "--skip-networking", f"--pid-file={folder}/db.pid", *as_user],
          lambda: subprocess.run(["mariadb", "--no-defaults", f"--socket={folder}/db.sock", "-uroot", "-e",
                                  "create database if not exists wordpress"],
                                 stderr=subprocess.DEVNULL).returncode == 0)
    (folder / "db.sock").chmod(0o777)
    shutil.copytree("/usr/share/wordpress", root, ignore_dangling_symlinks=True,
                    ignore=shutil.ignore_patterns("wp-config.php"))
    (root / "wp-config.php").write_text(CONFIG.format(dir=folder, host=HOST))
    uploads = root / "wp-content" / "uploads"
    uploads.mkdir(exist_ok=True)
    uploads.chmod(0o777)
    (folder / "php.conf").write_text(PHP.format(dir=folder, user=user, group=group))
    fpm = sorted(glob.glob("/usr/sbin/php-fpm*"))[-1]
    start(running, folder, [fpm, "--nodaemonize", "--fpm-config", folder / "php.conf"],
          lambda: (folder / "php.sock").exists())
    (folder / "php.sock").chmod(0o777)
    [port] = free_ports(1)
    content = SITE.format(port=port, root=root, dir=folder)
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder, content=content, user=user))
    start(running, folder, [nginx_path(), "-p", folder, "-c", folder / "nginx.conf"],
          lambda: Visitor(port).is_there("/wp-includes/css/buttons.css"))
    installed = Visitor(port).post("/wp-admin/install.php?step=2", {
        "weblog_title": "The blog", "user_name": "ann", "admin_password": PASSWORD,
        "admin_password2": PASSWORD, "pw_weak": "1", "admin_email": "ann@tickets.example", "blog_public": "0"})
    if installed[0] != 200 or b"wp-login.php" not in installed[2]:
        raise SystemExit(f"WordPress was not installed: {installed[0]} {installed[2][-800:]!r}")
    return port


def gateway(program, place, site, paths, running):
    """A gateway before the site with a room over these paths; gives the port."""
    public, control = free_ports(2)
    (place / "rooms").mkdir(parents=True)
    (place / "anteroom.toml").write_text(GATEWAY.format(public=public, control=control, site=site, host=HOST))
    (place / "rooms" / "blog.toml").write_text(ROOM.format(paths=paths))
    subprocess.run([program, "keys", "generate", "--dir", place / "keys"], check=True, stdout=subprocess.DEVNULL)
    start(running, place, [program, "run", "--policies", place], lambda: Visitor(public).is_there())
    return public


class Visitor:
    """A browser with cookies, behind a proxy that ended its TLS."""

    def __init__(self, port):
        self.port, self.cookies = port, {}

    def is_there(self, path="/readme.html"):
        try:
            return self.get(path)[0] in (200, 429)
        except OSError:
            return False

    def comes_in(self):
        """Waits in line until the site itself answers."""
        for _ in range(100):
            status, fields, _ = self.get("/readme.html")
            if status == 200 and "content-security-policy" not in fields:
                return
            time.sleep(0.3)
        raise SystemExit("the room lets nobody in")

    def get(self, path, **fields):
        return self.ask("GET", path, None, fields)

    def post(self, path, form, **fields):
        body = urllib.parse.urlencode(form).encode()
        return self.ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **fields})

    def upload(self, path, form, name, content):
        parts = [f'--sep\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
                 for key, value in form.items()]
        head = (f'--sep\r\nContent-Disposition: form-data; name="async-upload"; filename="{name}"\r\n'
                "Content-Type: image/png\r\n\r\n").encode()
        body = b"".join(parts) + head + content + b"\r\n--sep--\r\n"
        return self.ask("POST", path, body, {"Content-Type": "multipart/form-data; boundary=sep"})

    def ask(self, method, path, body, fields):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        fields = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7",
                  "Accept": "text/html", **({"Cookie": cookies} if cookies else {}), **fields}
        line.request(method, path, body, fields)
        answer = line.getresponse()
        content = answer.read()
        heard = {}
        for name, value in answer.getheaders():
            heard.setdefault(name.lower(), []).append(value)
        for cookie in heard.get("set-cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        line.close()
        return answer.status, heard, content


def picture():
    """A small PNG."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(192)) for y in range(64))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def plain(content):
    """A page without what changes from one asking to the next."""
    text = content.decode("utf-8", "replace")
    text = re.sub(r'data-pw="[^"]*"', "", text)
    text = re.sub(r"\b([0-9a-f]{10,64}|[0-9A-Za-z]{40,64})\b", "HASH", text)
    return re.sub(r"\d+", "N", text)


def differences(straight, through, may):
    found = []
    if straight[0] != through[0]:
        found.append(f"status {straight[0]} is {through[0]}")
    ours = [cookie for cookie in through[1].get("set-cookie", []) if "anteroom-" in cookie]
    for name in sorted((set(straight[1]) | set(through[1])) - HOP_BY_HOP - may - {"content-length"}):
        said, heard = straight[1].get(name, []), through[1].get(name, [])
        heard = [value for value in heard if value not in ours]
        if [plain(urllib.parse.unquote(value).encode()) for value in said] != [
                plain(urllib.parse.unquote(value).encode()) for value in heard]:
            found.append(f"{name}: {said} is {heard}")
    if plain(straight[2]) != plain(through[2]):
        found.append(f"another body: {len(straight[2])} bytes, {len(through[2])} through the door")
    return found


def walk(straight, through, name, may):
    """The same steps straight and through the gateway; gives what differed, and how many."""
    faults, steps = [], 0

    def both(what, act):
        nonlocal steps
        steps += 1
        one, two = act(straight), act(through)
        faults.extend(f"{what}: {fault}" for fault in differences(one, two, may))
        return one, two

    def demand(what, held):
        if not held:
            faults.append(f"{what} did not happen")

    for path in ("/", "/?p=1", "/?page_id=2", "/?feed=rss2", "/?s=hello", "/wp-json/", "/wp-json/wp/v2/posts",
                 "/robots.txt", "/nowhere", "/wp-login.php", "/wp-admin/", "/xmlrpc.php", "/?author=1",
                 "/wp-includes/css/dashicons.min.css", "/wp-includes/js/jquery/jquery.min.js", "/readme.html"):
        both(path, lambda one, path=path: one.get(path))
    demand("the front page", b"Hello world!" in through.get("/")[2])
    both("HEAD", lambda one: one.ask("HEAD", "/", None, {}))
    sheet = "/wp-includes/css/dashicons.min.css"
    both("compressed", lambda one: one.get(sheet, **{"Accept-Encoding": "gzip"}))
    both("a part", lambda one: one.get(sheet, **{"Range": "bytes=10-99"}))
    tag = straight.get(sheet)[1]["etag"][0]
    both("unchanged", lambda one: one.get(sheet, **{"If-None-Match": tag}))

    login = {"log": "ann", "pwd": "wrong", "wp-submit": "Log In", "testcookie": "1"}
    both("a wrong password", lambda one: one.post("/wp-login.php", login))
    login["pwd"] = PASSWORD
    _, done = both("logging in", lambda one: one.post("/wp-login.php", login))
    demand("logging in", done[0] == 302 and any("wordpress_logged_in" in cookie for cookie in done[1]["set-cookie"]))
    demand("a secure cookie", all("secure" in cookie.lower() for cookie in done[1]["set-cookie"] if "wordpress_sec" in cookie))
    for path in ("/wp-admin/profile.php", "/wp-admin/edit.php", "/wp-admin/media-new.php", "/wp-admin/options-general.php"):
        _, page = both(path, lambda one, path=path: one.get(path))
        demand(path, page[0] == 200)

    def uploads(one):
        nonce = re.search(rb'"_wpnonce":"([0-9a-f]+)"', one.get("/wp-admin/media-new.php")[2]).group(1).decode()
        return one.upload("/wp-admin/async-upload.php", {"_wpnonce": nonce, "short": "1", "name": "seats.png"},
                          "seats.png", picture())

    first, second = both("a picture", uploads)
    demand("the upload", second[0] == 200 and second[2].strip().isdigit())
    for one, answer in ((straight, first), (through, second)):
        told = one.get(f"/index.php?rest_route=/wp/v2/media/{answer[2].strip().decode()}")[2]
        path = re.search(r'"source_url":"https:\\/\\/[^\\]+(\\/[^"]+)"', told.decode()).group(1).replace("\\/", "/")
        demand("the picture is the same", one.get(path)[2] == picture())

    def comments(one):
        who = "straight" if one is straight else "through"
        text = f"A word {name} the room, {who}."
        return one.post("/wp-comments-post.php", {"comment": text, "comment_post_ID": "1", "comment_parent": "0"})

    _, answer = both("a comment", lambda one: (*comments(one)[:1], {}, b""))
    shown = through.get("/index.php?rest_route=/wp/v2/comments&post=1")[2]
    demand("the comment", answer[0] == 302 and f"A word {name} the room, through.".encode() in shown)
    leave = re.search(rb"action=logout[^\"']*_wpnonce=([0-9a-f]+)", through.get("/wp-admin/profile.php")[2])
    gone = leave and through.get(f"/wp-login.php?action=logout&_wpnonce={leave.group(1).decode()}")
    demand("logging out", gone and gone[0] == 302)
    return faults, steps


if __name__ == "__main__":
    main()
