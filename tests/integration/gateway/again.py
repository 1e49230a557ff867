#!/usr/bin/env python3
"""A call of the page breaks: it is made again and goes on with the same conversation; so does the page when it is loaded
again, and where calls do not get through any more, over a WebSocket. There is one place, and nobody needs another.

    again.py HOCKET SOURCE FOLDER

Exit status 77: there is no Chromium here, or the gateway says that it serves no calls."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import chromium
from page import check, count_of, failed, microphone
from rewired import BEGIN, BIRD
from served import Served

LOUD = "hocket.memory.voices.model.reduce((n, p) => n + p.samples.filter(s => Math.abs(s) > 300).length, 0)"
NO_CALLS = """
const asks = window.fetch;
window.fetch = (to, how) => String(to).includes('/calls') ? Promise.reject(new Error('no way')) : asks(to, how);
"""


def hears(browser, what):
    """Of what it says itself: the graph says it back."""
    before = browser.run(LOUD)
    check(bool(browser.until(f"{LOUD} > {before + 3200}")), what, str(browser.run(LOUD)))


def talks(browser, served):
    browser.open(served.url + "/")
    browser.until("!document.getElementById('call-label').hidden")


def begin(browser):
    browser.run("document.getElementById('start').click()")
    browser.until("document.getElementById('consent').open")
    browser.run("document.getElementById('yes').click()")


def play(browser, served):
    talks(browser, served)
    check(browser.run("document.getElementById('start').textContent") == "Talk", "nothing waits for a new page")
    browser.run("document.getElementById('call').checked = true")
    begin(browser)
    browser.until("hocket.call()?.hasOpened && hocket.session()?.hello")
    first = browser.run("hocket.session().hello.session")
    hears(browser, "the page hears what it says, through a call")
    browser.run("hocket.call().over(1006, 'as if the network were gone')")
    is_again = "hocket.session()?.hello?.resumed && hocket.session().hello.session"
    check(browser.until(f"hocket.call()?.hasOpened && {is_again}") == first, "a call that broke is made again, and goes on")
    hears(browser, "it hears on")

    talks(browser, served)
    check(bool(browser.until("document.getElementById('start').textContent === 'Go on'")), "loaded again it offers to go on")
    check(browser.run("document.getElementById('call').checked"), "by a call, as before")
    begin(browser)
    check(browser.until(is_again) == first, "and goes on with the same conversation")
    hears(browser, "it hears again")

    browser.run(NO_CALLS)
    browser.run("hocket.call().over(1006, 'as if the network were another')")
    check(bool(browser.until("hocket.call() === null && hocket.session()?.socket?.readyState === 1")), "without calls a WebSocket goes on",
          browser.run("document.getElementById('state').textContent"))
    check(browser.run("hocket.session().hello.session") == first, "with the same conversation")
    hears(browser, "heard as before")
    check(count_of(served, "door", "sessions") == 1, "it was one conversation", str(count_of(served, "door", "sessions")))
    check(count_of(served, "door", "resumed") >= 3, "gone on with three times", str(count_of(served, "door", "resumed")))
    browser.run("document.getElementById('start').click()")
    browser.until("hocket.session() === null")
    talks(browser, served)
    check(browser.run("document.getElementById('start').textContent") == "Talk", "what was stopped does not wait")


def main():
    hocket, source, folder = sys.argv[1:4]
    if not chromium.find():
        print("skipped: there is no Chromium here")
        return 77
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    microphone(source, f"{folder}/microphone.wav", silence_s=1)
    graph = folder / "parrot.yaml"
    graph.write_text(BEGIN + BIRD)
    with Served(hocket, source, folder / "out", "--set", "actors.door.max_sessions=1", graph=str(graph)) as served:
        if "WebRTC is not served" in pathlib.Path(served.out, "serve.txt").read_text():
            print("skipped: this machine has no plugins for WebRTC")
            return 77
        browser = chromium.Chromium(wav=f"{folder}/microphone.wav", more=("--allow-loopback-in-peer-connection",))
        try:
            play(browser, served)
        finally:
            browser.close()
        check(served.stop() == 0, "the server ends in order")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
