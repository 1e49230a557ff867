#!/usr/bin/env python3
"""The gateway is killed and comes back at its port: nothing of a conversation outlives its process, and each client that
would go on is told so in its protocol, and begins a new one.

    killed.py HOCKET SOURCE FOLDER"""

import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from page import check, failed
from rewired import BEGIN, BIRD
from served import Served, WebSocket

GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def setup(**resumption):
    return {"setup": {"model": "models/hocket", "sessionResumption": resumption}}


def begin(port):
    """A client of each protocol in mid-conversation, with what it would go on with."""
    own, realtime, gemini = WebSocket(port), WebSocket(port, "/v1/realtime"), WebSocket(port, GEMINI)
    own.send({"type": "start"})
    gemini.send(setup())
    key = own.until("hello")["resume"]
    handle = gemini.until(lambda e: "sessionResumptionUpdate" in e)["sessionResumptionUpdate"]["newHandle"]
    check(bool(key and handle and realtime.until("session.created")), "clients of three protocols are there")
    return (own, realtime, gemini), key, handle


def comes_back(port, key, handle):
    own = WebSocket(port, "/v1/hocket?resume=" + key)
    own.send({"type": "start", "resume": {"key": key, "after": 1}})
    told = own.until("error") or {}
    check(told.get("code") == "cannot_resume", "Hocket's own: the conversation is over, and that is told", str(told))
    own.send({"type": "start"})
    check((own.until("hello") or {}).get("resumed") is False, "a new one begins at the same connection")
    gemini = WebSocket(port, GEMINI)
    gemini.send(setup(handle=handle))
    check(gemini.until("setupComplete", 10) is None and gemini.code == 1008, "Gemini: closed with 1008", str(gemini.code))
    again = WebSocket(port, GEMINI)
    again.send(setup())
    check(again.until(lambda e: "setupComplete" in e) is not None, "without the handle a new one begins")
    check(WebSocket(port, "/v1/realtime").until("session.created") is not None, "Realtime: a new one begins")


def play(served, start_again):
    lines, key, handle = begin(served.port)
    served.process.send_signal(signal.SIGKILL)
    served.process.wait()
    for line in lines:
        line.until("nothing", 10)
    check([line.code for line in lines] == [1006] * 3, "all are cut off without a word", str([line.code for line in lines]))
    start_again()
    comes_back(served.port, key, handle)


def main():
    hocket, source, folder = sys.argv[1:4]
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "parrot.yaml"
    graph.write_text(BEGIN + BIRD)
    again = []

    def start_again():
        # As whoever looks after it would: the same command, at the same port.
        url_file = folder / "again" / "gateway.url"
        url_file.unlink(missing_ok=True)
        again.append(subprocess.Popen([hocket, "serve", str(graph), "--listen", f"tcp://127.0.0.1:{served.port}", "--plain",
                                       "--out", str(folder / "again")], cwd=source, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT))
        end = time.monotonic() + 180
        while not url_file.exists():
            assert again[0].poll() is None and time.monotonic() < end, "it does not serve again"
            time.sleep(0.1)

    with Served(hocket, source, folder / "out", graph=str(graph)) as served:
        try:
            play(served, start_again)
        finally:
            for process in again:
                process.terminate()
                check(process.wait(120) == 0, "the server ends in order")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
