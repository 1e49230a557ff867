#!/usr/bin/env python3
"""`@openai/agents` over WebRTC in Chromium, in a page of another origin. page.py BUNDLE URL QUESTION"""

import base64
import functools
import http.server
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import chromium


def served(folder):
    """A web server of its own; its port."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def until(browser, condition, limit_s=60):
    end = time.monotonic() + limit_s
    while not (found := browser.run(condition)):
        assert time.monotonic() < end, f"this did not come true within {limit_s} s: {condition}; {browser.run('S.errors')}"
        time.sleep(0.05)
    return found


def converse(bundle, url, question):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "page.js").write_bytes(pathlib.Path(bundle).read_bytes())
        pathlib.Path(folder, "index.html").write_text('<!doctype html><title>t</title><body><script src="page.js"></script>')
        browser = chromium.Chromium(more=("--allow-loopback-in-peer-connection",))
        try:
            browser.open(f"http://localhost:{served(folder)}/")
            recording = base64.b64encode(pathlib.Path(question).read_bytes()).decode()
            browser.run(f"begin('{url}', '{recording}').then(() => true)")
            until(browser, "S.events.some(e => e.type === 'session.updated')")
            browser.run("say().then(() => true)")
            until(browser, "S.asked.length === 1")
            until(browser, "S.events.some(e => e.transcript && e.transcript.includes('fifteen'))")
            until(browser, "S.events.some(e => e.type === 'output_audio_buffer.stopped')")
            time.sleep(1.5)
            browser.run("S.before = performance.now(), true")
            browser.run("say().then(() => true)")
            until(browser, "S.loud.some(at => at > S.before + 1800)")  # behind the question
            time.sleep(0.3)
            browser.run("S.over = performance.now(), true")
            browser.run("say().then(() => true)")
            until(browser, "S.events.some(e => e.at > S.over && e.type === 'output_audio_buffer.cleared')")
            browser.run("S.heard = performance.now(), true")
            until(browser, "S.loud.some(at => at > S.heard)")
            assert browser.run("S.errors.length") == 0, browser.run("S.errors")
            browser.run("S.session.close(), true")
        finally:
            browser.close()


if __name__ == "__main__":
    if chromium.find() is None:
        sys.exit(77)
    converse(*sys.argv[1:4])
