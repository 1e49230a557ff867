#!/usr/bin/env python3
"""validate.py HOCKET systemd|kubernetes GRAPH: are the exported files what their readers expect?"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile


PROGRAM = "/bin/sh"  # one that is on every machine: a unit's program must be there


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def export(hocket, kind, graph, folder, *more, cwd=None):
    # The graph's folder is the current one: a ConfigMap takes only what lies below it.
    done = subprocess.run(
        [hocket, "export", kind, os.path.relpath(graph, cwd or os.path.dirname(graph)), "--out",
         folder, "--program", PROGRAM, "--dir", "/srv/hocket", *more],
        cwd=cwd or os.path.dirname(graph), capture_output=True, text=True, timeout=300,
        env=dict(os.environ, VOICE_KEY="it's \"50 %\" of $X \\ ü"))
    assert done.returncode == 0, done.stderr
    return sorted(os.path.join(folder, name) for name in os.listdir(folder))


NASTY = """hocket: 1
name: "50 % of Gespräch \\"$X\\" ; it's # a test that is much longer than any label may be, so long"
hosts:
  a_b: {listen: tcp://127.0.0.1:7400}
  a__b: {listen: tcp://127.0.0.1:7410}
actors:
  typist: {component: text.console, on: a_b, script: ["0.5 ${env:VOICE_KEY}"], print: false}
  part: {include: {file: "sub dir/ä part.yaml"}, on: a__b, inputs: {text: typist.text}}
  more: {include: {file: "sub_dir/ä part.yaml"}, on: a__b, inputs: {text: typist.text}}
"""
PART = """hocket: 1
inputs: {text: {}}
actors:
  printer: {component: text.console, inputs: {text: graph.text}}
"""
RUN_OPTIONS = ("--sessions", "3", "--record", "all of 100 %.mcap", "--no-pii")


def make_nasty(folder):
    """A graph with names, files and an environment that both targets read as their own."""
    for sub in ("sub dir", "sub_dir"):
        os.makedirs(os.path.join(folder, sub))
        with open(os.path.join(folder, sub, "ä part.yaml"), "w") as out:
            out.write(PART)
    path = os.path.join(folder, "it's 5% $off.yaml")
    with open(path, "w") as out:
        out.write(NASTY)
    return path


# ------------------------------------------------------------------------------------ systemd

def unit_faults(path):
    """What systemd says of a unit; complaints about units of the machine are not about ours."""
    done = run("systemd-analyze", "verify", "--man=no", path)
    name = os.path.basename(path)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
    return lines if lines or done.returncode == 0 else [done.stderr]


def check_systemd(hocket, graph, folder):
    if not shutil.which("systemd-analyze"):
        skip("systemd-analyze is not installed (package systemd)")
    units = export(hocket, "systemd", graph, folder)
    assert len(units) == 2, units
    text = open(units[0]).read()
    for old, new in (("Type=notify", "Type=notyfy"), ("ProtectHome=", "ProtectHouse="),
                     (PROGRAM, "/nonexistent/hocket")):
        bad = os.path.join(folder, "broken.service")
        with open(bad, "w") as out:
            out.write(text.replace(old, new))
        assert unit_faults(bad), "systemd-analyze finds no fault in " + new
        os.remove(bad)
    with tempfile.TemporaryDirectory() as work:
        nasty = os.path.join(work, "units")
        units += [u for u in export(hocket, "systemd", make_nasty(work), nasty, *RUN_OPTIONS)
                  if u.endswith(".service")]
        assert len(units) == 4, units  # hosts that differ in an underscore are two units
        for unit in units:
            faults = unit_faults(unit)
            assert not faults, faults
            print(os.path.basename(unit) + ": no fault")


# ------------------------------------------------------------------------------------ kubernetes

def through_kubectl(path):
    """A StatefulSet or Service as Kubernetes' own types give it back."""
    text = open(path).read()
    if "\nkind: Service\n" in text:
        chosen = re.search(r"hocket\.graph-host: (\S+)", text).group(1)
        how = ["set", "selector", "hocket.graph-host=" + chosen]
    else:
        how = ["set", "image", "hocket=probe:1"]
    done = run("kubectl", *how[:2], "--local", "-f", path, *how[2:], "-o", "json")
    assert done.returncode == 0 and done.stdout.strip(), done.stderr
    return json.loads(done.stdout)


def as_tree(path):
    """The file itself, without a look at the types."""
    done = run("kubectl", "label", "--local", "-f", path, "checked=yes", "-o", "json")
    assert done.returncode == 0, done.stderr
    tree = json.loads(done.stdout)
    del tree["metadata"]["labels"]["checked"]
    return tree


def missing(ours, theirs, where=""):
    """Keys and values of ours that did not come back."""
    if isinstance(ours, dict):
        if not isinstance(theirs, dict):
            return [where]
        return [fault for key, value in ours.items() if not (value == {} and key not in theirs)
                for fault in (missing(value, theirs[key], where + "/" + key) if key in theirs
                              else [where + "/" + key])]
    if isinstance(ours, list):
        if not isinstance(theirs, list) or len(theirs) != len(ours):
            return [where]
        return [fault for i, value in enumerate(ours)
                for fault in missing(value, theirs[i], "%s/%d" % (where, i))]
    if where.endswith("containers/0/image") and theirs == "probe:1":
        return []
    return [] if ours == theirs else ["%s: %r became %r" % (where, ours, theirs)]


def check_kubernetes(hocket, graph, folder):
    if not shutil.which("kubectl"):
        skip("kubectl is not installed (package kubernetes-client)")
    files = export(hocket, "kubernetes", graph, folder)
    kinds = [re.search(r"^kind: (\w+)$", open(path).read(), re.M).group(1) for path in files]
    assert sorted(kinds) == ["ConfigMap"] + ["Service"] * 2 + ["StatefulSet"] * 2, kinds

    bad = os.path.join(folder, "broken.yaml")
    text = open(files[kinds.index("StatefulSet")]).read()
    with open(bad, "w") as out:
        out.write(text.replace("livenessProbe:", "livelinessProbe:"))
    assert missing(as_tree(bad), through_kubectl(bad)), "kubectl finds no fault in a wrong key"
    with open(bad, "w") as out:
        out.write(text.replace("replicas: 1", "replicas: one"))
    assert run("kubectl", "set", "image", "--local", "-f", bad, "hocket=probe:1").returncode != 0
    os.remove(bad)

    with tempfile.TemporaryDirectory() as work:
        graph2, folder2 = make_nasty(work), os.path.join(work, "pods")
        made = export(hocket, "kubernetes", graph2, folder2, *RUN_OPTIONS)
        check_objects([p for p in made if p.endswith(".yaml")], graph2)
        secret = [p for p in made if p.endswith("-env")]
        done = run("kubectl", "create", "secret", "generic", "x", "--dry-run=client", "-o", "json",
                   "--from-env-file=" + secret[0])
        assert done.returncode == 0, done.stderr
        value = base64.b64decode(json.loads(done.stdout)["data"]["VOICE_KEY"]).decode()
        assert value == "it's \"50 %\" of $X \\ ü", value
    check_objects(files, graph)


def check_objects(files, graph):
    names = set()
    for path in files:
        tree = as_tree(path)
        kind, name = tree["kind"], tree["metadata"]["name"]
        assert (kind, name) not in names, name
        names.add((kind, name))
        # A pod of a StatefulSet has its name with eleven characters more as a label.
        longest = {"StatefulSet": 52, "Service": 63}.get(kind, 253)
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name) and len(name) <= longest, name
        if kind == "ConfigMap":
            for key, value in tree["data"].items():
                assert re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) and isinstance(value, str), key
            with open(graph) as source:
                assert source.read() in tree["data"].values()
        else:
            faults = missing(tree, through_kubectl(path))
            assert not faults, faults
        print(os.path.basename(path) + ": no fault")


if __name__ == "__main__":
    hocket, kind, graph = (os.path.abspath(sys.argv[1]), sys.argv[2], os.path.abspath(sys.argv[3]))
    with tempfile.TemporaryDirectory() as folder:
        {"systemd": check_systemd, "kubernetes": check_kubernetes}[kind](hocket, graph, folder)
