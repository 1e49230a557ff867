#!/usr/bin/env python3
"""validate.py HOCKET systemd|kubernetes GRAPH: are the exported files what their readers expect?"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile


def skip(why):
    print("skipped: " + why)
    sys.exit(77)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def export(hocket, kind, graph, folder):
    # The graph's folder is the current one: a ConfigMap takes only what lies below it.
    done = subprocess.run(
        [hocket, "export", kind, os.path.basename(graph), "--out", folder, "--program", hocket,
         "--dir", os.path.dirname(graph)],
        cwd=os.path.dirname(graph), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return sorted(os.path.join(folder, name) for name in os.listdir(folder))


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
    for old, new in (("Type=notify", "Type=notyfy"), ("ProtectHome=yes", "ProtectHouse=yes"),
                     (hocket, "/nonexistent/hocket")):
        bad = os.path.join(folder, "broken.service")
        with open(bad, "w") as out:
            out.write(text.replace(old, new))
        assert unit_faults(bad), "systemd-analyze finds no fault in " + new
        os.remove(bad)
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

    for path, kind in zip(files, kinds):
        tree = as_tree(path)
        if kind == "ConfigMap":
            for key, value in tree["data"].items():
                assert re.fullmatch(r"[-._a-zA-Z0-9]+", key) and isinstance(value, str), key
            with open(graph) as source:
                assert tree["data"][os.path.basename(graph)] == source.read()
        else:
            faults = missing(tree, through_kubectl(path))
            assert not faults, faults
        print(os.path.basename(path) + ": no fault")


if __name__ == "__main__":
    hocket, kind, graph = (os.path.abspath(sys.argv[1]), sys.argv[2], os.path.abspath(sys.argv[3]))
    with tempfile.TemporaryDirectory() as folder:
        {"systemd": check_systemd, "kubernetes": check_kubernetes}[kind](hocket, graph, folder)
