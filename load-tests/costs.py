"""Where a server's CPU time goes: samples of `perf`, grouped by what the function is for."""

import collections
import re
import shutil
import subprocess

# The first pattern that is found in a function's name gives its group. Functions are counted by
# their own time, without those they call.
GROUPS = [
    (r"sha2|hmac|compress", "token signatures (SHA-256)"),
    (r"malloc|calloc|realloc|cfree|_int_free|unlink_chunk|^free$|__rust_(alloc|dealloc)|__rdl_", "memory: allocating and freeing"),
    (r"mem(cpy|move|set|cmp)|__mem|_avx|_erms|_evex", "memory: copying and comparing"),
    (r"clock_gettime|vdso|::clock::", "reading the clock"),
    (r"anteroom::edge::(framing|guard)", "anteroom: framing guard"),
    (r"anteroom::(gate::limit|policy::quota)", "rate limits"),
    (r"anteroom::(\w+)", r"anteroom: \1"),
    (r"serde|core::fmt|alloc::fmt|itoa|jiff|core::num|core::str", "text: JSON and formatting"),
    (r"bytes::", "bytes: shared buffers"),
    (r"hyper|httparse|httpdate", "hyper: reading and writing HTTP/1.1"),
    (r"http::|http_body", "http: header maps and URIs"),
    (r"tokio|mio::|futures|arc_swap", "tokio: tasks, timers, sockets"),
]

# The system call under which a kernel function ran.
CALLS = [
    (r"tcp_sendmsg|sock_sendmsg|vfs_writev|_sys_(sendto|sendmsg|writev)$", "kernel: sending (with the wake-up of who receives)"),
    (r"tcp_recvmsg|sock_recvmsg|_sys_(recvfrom|recvmsg|readv)$", "kernel: receiving"),
    (r"_epoll_p?wait", "kernel: waiting for events"),
    (r"_sys_|do_syscall_64", "kernel: other calls"),
]


def sample(pid, seconds, folder):
    """Samples a process and returns `{group: share}` and `{function: share}` of its time."""
    if not shutil.which("perf"):
        raise SystemExit("the profile needs perf: apt-get install linux-perf")
    data = folder / "perf.data"
    command = ["perf", "record", "-e", "cpu-clock", "-F", "2999", "-g", "-p", str(pid), "-o", data]
    subprocess.run(
        [*map(str, command), "--", "sleep", str(seconds)], check=True, capture_output=True
    )
    script = ["perf", "script", "-i", str(data), "--no-inline", "-F", "ip,sym,dso"]
    text = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    groups, functions, total = collections.Counter(), collections.Counter(), 0
    for stack in text.split("\n\n"):
        frames = [frame.split(None, 1)[1] for frame in stack.splitlines() if len(frame.split()) > 1]
        if not frames:
            continue
        total += 1
        function, _, binary = frames[0].rpartition(" (")
        groups[group_of(function, binary, frames)] += 1
        functions[short(function)] += 1
    if not total:
        raise SystemExit("perf took no samples")
    ungrouped = groups.pop("other", 0)
    return (
        {name: count / total for name, count in [*groups.most_common(), ("other", ungrouped)]},
        {name: count / total for name, count in functions.most_common(12)},
    )


def group_of(function, binary, frames):
    if "kernel" in binary or binary.startswith("["):
        for pattern, group in CALLS:
            for frame in frames:
                if re.search(pattern, frame.rpartition(" (")[0]):
                    return group
        return "reading the clock" if "vdso" in binary else "kernel: interrupts and switches"
    for pattern, group in GROUPS:
        found = re.search(pattern, function)
        if found:
            return found.expand(group)
    return "other"


def short(function):
    """A function's name without hash and type arguments; of `<Type as Trait>::name` the type stays."""
    function = re.sub(r"::h[0-9a-f]{16}$", "", function)
    kept = re.sub(r"^<&?(.*) as .*>::", r"\1::", function)
    while (shorter := re.sub(r"<[^<>]*>", "", kept)) != kept:
        kept = shorter
    return kept.replace("::::", "::").strip(": ") or "?"
