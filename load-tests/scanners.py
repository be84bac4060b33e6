#!/usr/bin/env python3
"""What sslscan and testssl.sh find of the TLS that the gateway speaks.

Starts one gateway with a certificate of its own and lets both scanners look at it. The exit code
is 0 when TLS 1.2 and 1.3 are offered and nothing older, every suite is one of those below, nothing
is compressed, no client renegotiates, and no scanner calls anything weak or vulnerable; else 1.
The certificate itself is not judged: nobody vouches for it. The same scan of `openssl s_server`
with everything old switched on must find faults, or it would find none anywhere.

Needs Linux, Python 3.11, openssl, sslscan and testssl.sh (Debian's packages), and a built gateway:
--bin FOLDER. Takes about two minutes.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from idle import Server, anteroom, certificate
from servers import free_ports

# TLS 1.3's three, and of TLS 1.2 those with forward secrecy and authenticated encryption.
SUITES = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
}
VERSIONS = {"ssl2": "0", "ssl3": "0", "tls1.0": "0", "tls1.1": "0", "tls1.2": "1", "tls1.3": "1"}
# How the finding of testssl.sh must begin.
FINDINGS = {
    "SSLv2": "not offered", "SSLv3": "not offered", "TLS1": "not offered", "TLS1_1": "not offered",
    "TLS1_2": "offered", "TLS1_3": "offered", "cipherlist_NULL": "not offered",
    "cipherlist_aNULL": "not offered", "cipherlist_EXPORT": "not offered",
    "cipherlist_LOW": "not offered", "cipherlist_3DES_IDEA": "not offered",
    "cipherlist_AVERAGE": "not offered", "cipherlist_STRONG": "offered",
    "secure_client_renego": "not vulnerable", "CRIME_TLS": "not vulnerable",
}
FINE = ("OK", "INFO")


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the built gateway")
    asked = asked.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for program in ("openssl", "sslscan", "testssl"):
        if not shutil.which(program):
            raise SystemExit(f"{program} is missing (Debian: apt-get install openssl sslscan testssl.sh)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="anteroom-scanners-"))
    try:
        certificate(folder)
        weak = looked_at(lambda: old_server(folder), folder / "weak")
        faults = looked_at(lambda: anteroom(folder, asked.bin / "anteroom", True), folder / "own")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print(f"the gateway: {fault}")
    wanted = {"sslscan: tls1.0", "testssl: TLS1", "testssl: cipherlist_AVERAGE"}
    unseen = wanted - {":".join(fault.split(":")[:2]) for fault in weak}
    for fault in unseen:
        print(f"the weak server: not noticed: {fault}")
    words = f"{len(faults)} faults; of a weak server {len(weak)}"
    print(words)
    if "ANTEROOM_RESULT" in os.environ:
        pathlib.Path(os.environ["ANTEROOM_RESULT"]).write_text(words + "\n")
    raise SystemExit(1 if faults or unseen else 0)


def old_server(folder):
    """A server that offers what nobody should."""
    [port] = free_ports(1)
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", folder / "idle.pem",
               "-key", folder / "idle.key", "-cipher", "ALL:@SECLEVEL=0", "-min_protocol", "TLSv1",
               "-client_renegotiation", "-www", "-quiet"]
    return Server("weak", command, port, folder)


def looked_at(start, folder):
    """Starts a server and gives what both scanners find wrong with it."""
    folder.mkdir()
    server = start()
    try:
        return by_sslscan(server.port, folder) + by_testssl(server.port, folder)
    finally:
        server.stop()


def by_sslscan(port, folder):
    told = folder / "sslscan.xml"
    run(["sslscan", f"--xml={told}", "--sni-name=idle.example", f"127.0.0.1:{port}"])
    scan = xml.etree.ElementTree.parse(told).getroot().find("ssltest")
    faults = []
    seen = {one.get("type") + one.get("version"): one.get("enabled") for one in scan.iter("protocol")}
    for version, wanted in VERSIONS.items():
        if seen.get(version) != wanted:
            faults.append(f"sslscan: {version}: enabled={seen.get(version)}")
    found = {one.get("cipher") for one in scan.iter("cipher")}
    if not found <= SUITES or not found:
        faults.append(f"sslscan: suites: {sorted(found - SUITES)}")
    for renegotiation in scan.iter("renegotiation"):
        if renegotiation.get("supported") != "0":
            faults.append("sslscan: renegotiation: supported")
    # Where the scanner's own OpenSSL cannot compress it says nothing; testssl.sh looks by itself.
    for compression in scan.iter("compression"):
        if compression.get("supported") != "0":
            faults.append("sslscan: compression: supported")
    for bleeding in scan.iter("heartbleed"):
        if bleeding.get("vulnerable") != "0":
            faults.append(f"sslscan: heartbleed: {bleeding.get('sslversion')}")
    return faults


def by_testssl(port, folder):
    told = folder / "testssl.json"
    run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--protocols", "--std",
         "--vulnerable", "--jsonfile", told, f"127.0.0.1:{port}"])
    found = {one["id"]: one for one in json.loads(told.read_text())}
    faults = []
    for name, wanted in FINDINGS.items():
        finding = found.get(name, {"finding": "nothing said"})["finding"]
        if not finding.startswith(wanted):
            faults.append(f"testssl: {name}: {finding}")
    for name, one in found.items():
        if one["severity"] not in FINE and name not in FINDINGS:
            faults.append(f"testssl: {name}: {one['severity']}, {one['finding']}")
    return faults


def run(command):
    """A scanner's exit code says what it found, or nothing; what it wrote is judged instead."""
    subprocess.run(list(map(str, command)), check=False, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
