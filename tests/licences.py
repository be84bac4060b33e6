#!/usr/bin/env python3
"""Holds every crate in Cargo.lock to deny.toml: its licence and where it comes from.

    tests/licences.py                      check, and say how many crates passed
    python3 -m doctest tests/licences.py   check this file
"""

import json
import re
import subprocess
import sys
from pathlib import Path

try:
    import tomllib
except ImportError:
    sys.exit("tests/licences.py needs Python 3.11 or newer")

HOUSE = Path(__file__).resolve().parent.parent


class Unreadable(Exception):
    """A licence expression that is not SPDX."""


class Expression:
    """One SPDX licence expression. `WITH` binds closest, then `AND`, then `OR`."""

    def __init__(self, text):
        # Crates from before 2021 write `MIT/Apache-2.0` where they mean OR.
        self.text = text
        self.rest = re.findall(r"[()]|[^\s()]+", text.replace("/", " OR "))

    def allowed_by(self, allowed):
        """Whether `allowed`, a set of licences, grants this expression.

        >>> some = {"MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"}
        >>> def ask(text): return Expression(text).allowed_by(some)
        >>> ask("MIT"), ask("GPL-3.0-only"), ask("MIT OR GPL-3.0-only"), ask("MIT AND GPL-3.0-only")
        (True, False, True, False)
        >>> ask("GPL-2.0-only OR MIT AND Zlib"), ask("(GPL-2.0-only OR MIT) AND ISC")
        (False, True)
        >>> ask("Apache-2.0 WITH LLVM-exception"), ask("Apache-2.0 WITH Other"), ask("MIT/Zlib")
        (True, False, True)
        >>> ask("MIT AND (ISC")
        Traceback (most recent call last):
        licences.Unreadable: a `)` is missing in `MIT AND (ISC`
        >>> ask("MIT ISC")
        Traceback (most recent call last):
        licences.Unreadable: nothing joins `ISC` in `MIT ISC`
        """
        granted = self.either(allowed)
        if self.rest:
            raise Unreadable(f"nothing joins `{self.rest[0]}` in `{self.text}`")
        return granted

    def either(self, allowed):
        granted = self.both(allowed)
        while self.take("OR"):
            granted = self.both(allowed) or granted
        return granted

    def both(self, allowed):
        granted = self.one(allowed)
        while self.take("AND"):
            granted = self.one(allowed) and granted
        return granted

    def one(self, allowed):
        if self.take("("):
            granted = self.either(allowed)
            if not self.take(")"):
                raise Unreadable(f"a `)` is missing in `{self.text}`")
            return granted
        name = self.name()
        if self.take("WITH"):
            name = f"{name} WITH {self.name()}"
        return name in allowed

    def name(self):
        if not self.rest or self.rest[0] in ("(", ")", "AND", "OR", "WITH"):
            raise Unreadable(f"a licence is missing in `{self.text}`")
        return self.rest.pop(0)

    def take(self, word):
        found = self.rest[:1] == [word]
        if found:
            self.rest.pop(0)
        return found


def licence_fault(package, allowed):
    """Why a package's licence will not do, or None.

    >>> licence_fault({"license": "MIT"}, {"MIT"})
    >>> licence_fault({"license": None, "license_file": "COPYING"}, {"MIT"})
    'no SPDX licence (only the file COPYING)'
    >>> licence_fault({"license": "AGPL-3.0-only"}, {"MIT"})
    'licence `AGPL-3.0-only` is not in deny.toml'
    """
    text = package.get("license")
    if not text:
        return f"no SPDX licence (only the file {package.get('license_file')})"
    try:
        granted = Expression(text).allowed_by(allowed)
    except Unreadable as fault:
        return str(fault)
    return None if granted else f"licence `{text}` is not in deny.toml"


def source_fault(source, registries):
    """Why a package's source will not do, or None. A crate of this repository has none.

    >>> source_fault(None, ["https://a"])
    >>> source_fault("registry+https://a", ["https://a"])
    >>> source_fault("git+https://a#1", ["https://a"])
    'comes from git+https://a#1'
    """
    if source is None or source in [f"registry+{registry}" for registry in registries]:
        return None
    return f"comes from {source}"


COPYLEFT = re.compile(r"(A|L)?GPL|GFDL|MPL|EPL|EUPL|CDDL|CPL|OSL|SSPL|CECILL|CC-BY-SA", re.IGNORECASE)


def copyleft(allowed):
    """Those of the allowed licences that would bind whoever ships Anteroom.

    >>> copyleft(["MIT", "LGPL-2.1-or-later", "MPL-2.0", "Apache-2.0"])
    ['LGPL-2.1-or-later', 'MPL-2.0']
    """
    return [licence for licence in allowed if COPYLEFT.match(licence)]


def faults(metadata, deny):
    """Every fault of every package, in order of their names."""
    allowed = set(deny["licenses"]["allow"])
    for licence in copyleft(sorted(allowed)):
        yield f"deny.toml: `{licence}` is copyleft"
    registries = deny["sources"]["allow-registry"]
    for package in sorted(metadata["packages"], key=lambda package: package["name"]):
        found = (licence_fault(package, allowed), source_fault(package["source"], registries))
        for fault in filter(None, found):
            yield f"{package['name']} {package['version']}: {fault}"


def main():
    deny = tomllib.loads((HOUSE / "deny.toml").read_text())
    asked = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    metadata = json.loads(subprocess.run(asked, cwd=HOUSE, check=True, stdout=subprocess.PIPE).stdout)
    found = list(faults(metadata, deny))
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"licences and sources: {len(metadata['packages'])} crates, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
