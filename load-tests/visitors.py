"""Puts visitors in line, lets one in, and looks at single answers."""

import json
import socket
import threading

from servers import PAGE, PAGE_BYTES, ROOM, STATUS

JOIN = f"/_anteroom/rooms/{ROOM}/join"
CLAIM = f"/_anteroom/rooms/{ROOM}/claim"
PIPELINED = 32
CONNECTIONS = 48


class Line:
    """One connection that sends several requests at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.reader = self.socket.makefile("rb")
        self.host = f"127.0.0.1:{port}"

    def ask(self, requests):
        """Sends `(method, path, headers)` each, and returns `(status, head bytes, body)` each."""
        whole = b"".join(self._head(*request) for request in requests)
        self.socket.sendall(whole)
        return [self._answer() for _ in requests]

    def _head(self, method, path, headers):
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if method == "POST":
            lines.append("Content-Length: 0")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _answer(self):
        line = self.reader.readline()
        status, length, head = int(line.split()[1]), 0, len(line)
        while line not in (b"\r\n", b""):
            line = self.reader.readline()
            head += len(line)
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return status, head, self.reader.read(length)

    def close(self):
        self.reader.close()
        self.socket.close()


def join(port, count):
    """Queue tokens of `count` new visitors, from the front of the line to its end."""
    shares = [[] for _ in range(min(CONNECTIONS, count))]
    each = -(-count // len(shares))
    threads = [
        threading.Thread(target=join_some, args=(port, each, share)) for share in shares
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places = sorted(place for share in shares for place in share)
    if len(places) < count:
        raise SystemExit(f"only {len(places)} of {count} visitors could join")
    return [token for _, token in places[:count]]


def join_some(port, count, places):
    """Adds `(position, queue token)` of each to `places`."""
    line = Line(port)
    while len(places) < count:
        batch = min(PIPELINED, count - len(places))
        first = line.ask([("POST", JOIN, {})] * batch)
        back = [("POST", JOIN, {"Anteroom-Queue": told(answer)["queue_token"]}) for answer in first]
        joined = [told(answer) for answer in line.ask(back)]
        places += [(status["position"], status["queue_token"]) for status in joined]
    line.close()


def told(answer):
    status, _, body = answer
    if status not in (200, 202):
        raise SystemExit(f"a join was answered with {status}: {body[:200]!r}")
    return json.loads(body)


def claim(port, queue_token):
    """The admission token of a visitor, or `None` while it is not released."""
    line = Line(port)
    [(status, _, body)] = line.ask([("POST", CLAIM, {"Anteroom-Queue": queue_token})])
    line.close()
    return json.loads(body)["admission_token"] if status == 200 else None


def check_poll(port, headers):
    """The status JSON as text; ends the run when it does not say that the visitor waits."""
    status, head, body = one(port, STATUS, headers)
    said = json.loads(body)
    if status != 200 or said["state"] != "waiting" or not said["position"] > 1000:
        raise SystemExit(f"a poll was answered with {status}: {body.decode()}")
    return body.decode(), head


def check_page(port, headers, who):
    """Size of the answer's head; ends the run when the body is not the origin's."""
    status, head, body = one(port, PAGE, headers)
    if status != 200 or body != b"x" * PAGE_BYTES:
        raise SystemExit(f"{who} answered {PAGE} with {status} and {len(body)} bytes")
    return head


def one(port, path, headers):
    line = Line(port)
    [answer] = line.ask([("GET", path, headers)])
    line.close()
    return answer
