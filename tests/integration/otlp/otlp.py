#!/usr/bin/env python3
"""otlp.py HOCKET REPOSITORY WORK: a run's traces at a collector."""
import json
import os
import re
import shutil
import subprocess
import sys

hocket, tree, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
sys.path.insert(0, os.path.join(tree, "tests", "support"))
from receiver import LIMIT_S, Receiver, wait_for  # noqa: E402: the path comes first

GRAPH = """hocket: 1
name: traced
actors:
  keys: {component: text.console, print: false}
  some: {component: text.batch, size: 1, inputs: {text: keys.text}}
  log:  {component: record.events, file: log.jsonl, inputs: {words: some.text}}
"""
WORDS = 20


def options(name, *more):
    graph = os.path.join(work, "traced.yaml")
    with open(graph, "w", encoding="utf-8") as f:
        f.write(GRAPH)
    return [hocket, "run", graph, "--out", os.path.join(work, name), "--no-picture", "--plain", *more]


def spans_of(posts):
    return [span for post in posts for resource in json.loads(post.body)["resourceSpans"]
            for scope in resource["scopeSpans"] for span in scope["spans"]]


def traces():
    collector = Receiver(first=[503], status=200)  # a busy one
    with open(os.path.join(work, "shown.txt"), "w+", encoding="utf-8") as shown:
        run = subprocess.Popen(options("out", "--otlp", collector.url), cwd=tree, stdin=subprocess.PIPE, stdout=shown,
                               stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20abc,x-team=hocket"})
        try:
            for n in range(WORDS):
                run.stdin.write(f"unheard{n}\n")
            run.stdin.flush()

            def ways():
                """The traces that are whole: typed, batched, logged."""
                of = {}
                for span in spans_of(collector.got):
                    of.setdefault(span["traceId"], []).append(span)
                return [w for w in of.values() if {s["name"] for s in w} == {"keys.text", "some.text", "log.words"}]
            whole = wait_for(lambda: len(ways()) >= WORDS and ways(), "a trace for each word")
            assert len(whole) == WORDS, len(whole)
            for way in whole:
                by_id = {span["spanId"]: span for span in way}
                parents = {span["name"]: by_id[span["parentSpanId"]]["name"] for span in way if "parentSpanId" in span}
                assert parents == {"some.text": "keys.text", "log.words": "some.text"}, parents
            run.stdin.close()
            assert run.wait(LIMIT_S) == 0, open(shown.name, encoding="utf-8").read()
        finally:
            if run.poll() is None:
                run.kill()
                run.wait()
            collector.stop()
    said = open(shown.name, encoding="utf-8").read()
    # It was busy once: asked again, with the same spans.
    assert collector.refused and collector.refused[0].body in [post.body for post in collector.got], "the first is sent again"
    for post in collector.got:
        assert post.path == "/v1/traces" and post.headers["content-type"] == "application/json", post
        assert post.headers["authorization"] == "Basic abc" and post.headers["x-team"] == "hocket", post.headers
        assert b"unheard" not in post.body, "no words"
        names = {a["key"]: a["value"] for r in json.loads(post.body)["resourceSpans"] for a in r["resource"]["attributes"]}
        assert names["service.name"] == {"stringValue": "traced"}, names
    ids = [span["spanId"] for span in spans_of(collector.got)]
    assert len(ids) == len(set(ids)), "each span once"
    assert "[otlp.trouble]" in said and "status 503" in said, said
    # What a machine that stands still at the end leaves undelivered is told, and counted.
    sent, lost = re.search(r"sent (\d+) spans", said), re.search(r"(\d+) of (\d+) spans were lost", said)
    assert sent or lost, said
    if sent:
        assert int(sent[1]) == len(ids), (said, len(ids))


def nobody():
    """A collector that is not there ends no run, and is told."""
    done = subprocess.run(options("gone", "--otlp", "http://127.0.0.1:1"), input="hello\n", capture_output=True, text=True, cwd=tree)
    assert done.returncode == 0, done
    assert re.search(r"warning: traces: (\d+) of \1 spans were lost: http://127.0.0.1:1/v1/traces does not answer", done.stderr), done.stderr


def refused():
    for url, headers, why in (("http://192.0.2.1:4318", "", "--otlp-plain"), ("ftp://127.0.0.1", "", "--otlp"),
                              ("http://127.0.0.1:1/?key=secret", "", "OTEL_EXPORTER_OTLP_HEADERS"),
                              ("http://127.0.0.1:1", "secret", "NAME=VALUE"), ("http://127.0.0.1:1", "a=%zzsecret", "NAME=VALUE")):
        done = subprocess.run(options("never", "--otlp", url), capture_output=True, text=True, cwd=tree, stdin=subprocess.DEVNULL,
                              env={**os.environ, "OTEL_EXPORTER_OTLP_HEADERS": headers})
        assert done.returncode == 2 and why in done.stderr and "secret" not in done.stderr, (url, headers, done)


shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
traces()
nobody()
refused()
