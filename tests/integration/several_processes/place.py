#!/usr/bin/env python3
"""place.py GRAPH HOSTS PLACES: the graph with `hosts:` and `on:` added, for any folder.

HOSTS: name=listen[,key] ...; PLACES: actor=host ... (both one argument, separated by blanks).
"""
import pathlib
import re
import sys

graph, hosts, places = sys.argv[1:4]
where = dict(p.split("=") for p in places.split())
out = []
for line in open(graph, encoding="utf-8"):
    if line.startswith("actors:"):
        out.append("hosts:\n")
        for host in hosts.split():
            name, listen = host.split("=", 1)
            listen, _, key = listen.partition(",")
            out.append(f"  {name}: {{listen: {listen}{', key: ' + key if key else ''}}}\n")
    # The copy lies in another folder.
    line = re.sub(r"(default: )((?:\.\./|speech/)[^,}]+)",
                  lambda m: m[1] + str(pathlib.Path(graph).resolve().parent / m[2]), line)
    placed = re.match(r"  (\w+): +\{component: [\w.]+", line)
    if placed:
        line = f"{placed.group(0)}, on: {where.pop(placed.group(1))}{line[placed.end():]}"
    out.append(line)
assert not where, f"not in {graph}: {where}"
sys.stdout.write("".join(out))
