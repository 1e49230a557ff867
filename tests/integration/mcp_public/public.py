#!/usr/bin/env python3
"""Hocket's MCP client against what the public has: the conformance suite, and the reference servers.

    public.py [--client build/hocket_mcp_client] [--folder FOLDER] [conformance] [servers]

conformance: npm's @modelcontextprotocol/conformance, each client scenario but those of authentication and
of extensions, in each protocol version that it and Hocket have. servers: everything, filesystem and memory
of npm, time, fetch and git of PyPI, each as it is, in the sandbox. Neither named: both.
Packages go to FOLDER (hocket/mcp_public in the user's cache) at pinned versions, and stay there.
Ends with 1 where one failed, with 77 where all that was asked for cannot be had here (no npm, no network).
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import servers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
VERSIONS = ["2025-11-25", "2026-07-28"]  # one of each era
CONFORMANCE = "@modelcontextprotocol/conformance@0.2.0-alpha.12"
NODE = "22.23.3"  # the suite needs 22
NPM_SERVERS = [f"@modelcontextprotocol/server-{name}@2026.8.31" for name in ("everything", "filesystem", "memory")]
PYPI_SERVERS = ["mcp-server-time==2026.10.19", "mcp-server-fetch==2026.10.24", "mcp-server-git==2026.10.19"]


class Missing(Exception):
    """What cannot be had here, and why."""


def installed(command, marker, what):
    """Runs an installer once for one list of packages."""
    if os.path.exists(marker):
        with open(marker, encoding="utf-8") as f:
            if f.read() == what:
                return
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()
        raise Missing(f"{what}: {last[-1] if last else 'not installed'}")
    with open(marker, "w", encoding="utf-8") as f:
        f.write(what)


def npm(folder):
    """The folder of npm's packages."""
    if not shutil.which("npm"):
        raise Missing("npm is not installed")
    os.makedirs(folder, exist_ok=True)
    packages = [CONFORMANCE, *NPM_SERVERS]
    if not new_enough("node"):
        machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        packages.append(f"node-linux-{machine}@{NODE}")
    options = ["--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"]
    installed(["npm", "install", *options, *packages], os.path.join(folder, "have"), " ".join(packages))
    return os.path.join(folder, "node_modules")


def new_enough(program):
    if not shutil.which(program):
        return False
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    return said.startswith("v") and int(said[1:].split(".")[0]) >= 22


def node(modules):
    """A Node that is new enough: this machine's, or npm's."""
    if new_enough("node"):
        return shutil.which("node")
    for name in os.listdir(modules):
        if name.startswith("node-linux-"):
            return os.path.join(modules, name, "bin", "node")
    raise Missing("no Node of version 22 or newer")


def python(folder):
    """The programs of a virtual environment with PyPI's servers."""
    os.makedirs(folder, exist_ok=True)
    made = os.path.join(folder, "venv")
    if not os.path.exists(os.path.join(made, "bin", "pip")):
        done = subprocess.run([sys.executable, "-m", "venv", made], capture_output=True, text=True)
        if done.returncode:
            raise Missing("no virtual environment can be made: install python3-venv")
    pip = os.path.join(made, "bin", "pip")
    installed([pip, "install", "--quiet", *PYPI_SERVERS], os.path.join(folder, "have"), " ".join(PYPI_SERVERS))
    return made


def scenarios(suite):
    """(name, version) of what the suite has for clients of both eras, without authentication."""
    said = subprocess.run([*suite, "list", "--client"], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^\s*- (\S+) \[([^\]]*)\]", said, re.MULTILINE)
    return [(name, version) for version in VERSIONS for name, versions in found
            if version in versions.split(",") and not name.startswith("auth/")]


def conformance(client, folder):
    """How many scenarios failed; prints one line each."""
    modules = npm(os.path.join(folder, "npm"))
    suite = [node(modules), os.path.join(modules, "@modelcontextprotocol", "conformance", "dist", "index.js")]
    all_of_them = scenarios(suite)
    if not all_of_them:
        print("error: the suite lists no scenario")
        return 0, 1
    failed = 0
    for name, version in all_of_them:
        done = subprocess.run([*suite, "client", "--command", client, "--scenario", name, "--spec-version", version],
                              capture_output=True, text=True, timeout=120)
        said = done.stdout + done.stderr
        counted = re.search(r"Passed: (\d+)/(\d+), (\d+) failed, (\d+) warnings", said)
        good = done.returncode == 0 and counted is not None and int(counted[1]) > 0
        failed += not good
        print(f"{'passed' if good else 'FAILED'}: conformance {version} {name}: "
              f"{counted[0] if counted else 'no result'}", flush=True)
        if not good:
            print(said[-3000:])
    return len(all_of_them) - failed, failed


def reference_servers(client, folder):
    """How many of the servers answered, and how many did not."""
    modules = npm(os.path.join(folder, "npm"))
    made = python(os.path.join(folder, "python"))
    with tempfile.TemporaryDirectory() as work:
        return servers.run_all(client, node(modules), modules, made, work)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser.add_argument("what", nargs="*", help="conformance, servers")
    parser.add_argument("--client", default=os.path.join(ROOT, "build", "hocket_mcp_client"))
    parser.add_argument("--folder", default=os.path.join(cache, "hocket", "mcp_public"))
    asked = parser.parse_args()
    parts = {"conformance": conformance, "servers": reference_servers}
    for name in asked.what:
        if name not in parts:
            parser.error(f"{name}: there are: {', '.join(parts)}")
    client = os.path.abspath(asked.client)
    if not os.access(client, os.X_OK):
        print(f"error: {client} is not there; build it: cmake --build build --target hocket_mcp_client")
        return 2
    passed, failed, skipped = 0, 0, 0
    for name in asked.what or parts:
        try:
            good, bad = parts[name](client, os.path.abspath(asked.folder))
            passed, failed = passed + good, failed + bad
        except Missing as e:
            skipped += 1
            print(f"skipped: {name}: {e}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0 if passed else 77


if __name__ == "__main__":
    sys.exit(main())
