#!/usr/bin/env python3
"""The page's editor, in Chromium, on a running graph: by forms and by hand, checked while one types, applied, back.

    edit.py HOCKET SOURCE FOLDER

FOLDER gets what is written, pictures of the page included. Exit status 77: there is no Chromium here."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import chromium
import page
from page import check, failed
from served import Served

# No model: what a client says comes back.
GRAPH = """# A graph that answers with what it hears.
hocket: 1
name: parrot
clock: {micro_turn_ms: 200}
actors:
  # People come in here.
  door: {component: gateway.door,
         inputs: {audio: {from: bird.audio, back_edge: true}}}   # and hear themselves
  bird: {component: audio.delay, inputs: {audio: door.audio}}
"""

TEXT = "document.getElementById('graph-text').value"
SAID = "document.querySelector('#editor .outcome').innerText"
READY = "!document.querySelector('#editor .primary').disabled"


def choose(browser, field, value):
    browser.run(f"(() => {{ const e = document.getElementById('{field}'); e.value = {value!r};"
                "e.dispatchEvent(new Event('change')); })()")


def press(browser, name):
    browser.run("[...document.querySelectorAll('#editor button')].find(b => b.textContent.startsWith('" + name + "')).click()")


def edit(browser, served, folder, checker):
    # The key of this run is in its terminal; the address does not keep it.
    key = re.search(r"/#key=(hk_\S+)", (served.out / "serve.txt").read_text())
    check(key is not None, "the run shows a key to edit with")
    browser.open(served.url + "/#key=" + key.group(1))
    check(bool(browser.until("document.querySelectorAll('#graph g.actor-node').length === 2")),
          "the graph is drawn before anybody talks")
    check(browser.run("location.hash") == "", "the key is not in the address any more")
    browser.run("document.getElementById('edit').click()")
    check(bool(browser.until(f"document.getElementById('graph-text') && {TEXT}.includes('People come in here')")),
          "the file is there, with its comments")
    # Added by a form: a recorder, linked.
    browser.run("document.querySelector('#editor details').open = true")
    browser.run("document.getElementById('edit-new-name').value = 'ears'")
    choose(browser, "edit-new-type", "audio.dmel")
    press(browser, "Add")
    check(bool(browser.until(f"{TEXT}.includes('ears:')")), "an actor is added", browser.run(SAID))
    check(bool(browser.until(f"{READY} && /ears .audio.dmel.: added/.test({SAID})")), "what apply would do is told", browser.run(SAID))
    # It was given the first sound that there is; now another.
    check("bird.audio" not in browser.run(TEXT).split("ears:")[1], "it hears the door", browser.run(TEXT))
    choose(browser, "edit-in-audio", "bird.audio")
    check(bool(browser.until(f"/ears:.*bird.audio/.test({TEXT})")), "it is connected", browser.run(TEXT))
    check(bool(browser.until(f"{READY} && /ears .audio.dmel.: added/.test({SAID})")), "and that is checked", browser.run(SAID))
    # Configured: help and what is wrong.
    check("frames" in browser.run("document.getElementById('editor').innerText"), "keys have their help")
    for name, size, mobile in (("edit_desktop", (1280, 900), False), ("edit_phone", (390, 844), True)):
        browser.resize(size, mobile)
        browser.until("false", 1)
        browser.picture(f"{folder}/{name}.png")
        wide = browser.run("document.documentElement.scrollWidth - innerWidth")
        check(wide <= 0, f"nothing is wider than the window ({name})", str(wide))
        if checker:
            page.accessibility(browser, checker, name)
    # By hand: a mistake is told while one types, and cannot be applied.
    good = browser.run(TEXT)
    browser.run("(() => { const t = document.getElementById('graph-text'); t.value = t.value.replace('audio.dmel', 'audio.dmell');"
                "t.dispatchEvent(new Event('input')); })()")
    check(bool(browser.until(f"/did you mean/.test({SAID})")), "a mistake is told, with a remedy", browser.run(SAID))
    check(not browser.run(READY), "and cannot be applied")
    press(browser, "Undo")
    check(bool(browser.until(f"{TEXT} === {good!r} && {READY}")), "undo", browser.run(SAID))
    press(browser, "Apply")
    check(bool(browser.until(f"/revision 2 runs/.test({SAID})")), "it is applied", browser.run(SAID))
    check(bool(browser.until("document.querySelectorAll('#graph g.actor-node').length === 3")), "the new actor is drawn")
    text = browser.run(TEXT)
    for comment in ("# A graph that answers", "# People come in here.", "# and hear themselves"):
        check(comment in text, f"kept: {comment}", text)
    check("ears" in {a["name"] for a in served.status()["actors"]}, "the run has it")
    press(browser, "Back to revision 1")
    check(bool(browser.until(f"/revision 3 runs/.test({SAID})")), "back", browser.run(SAID))
    check(browser.run(TEXT) == (pathlib.Path(folder) / "parrot.yaml").read_text(), "the text is the first one again")
    check(bool(browser.until("document.querySelectorAll('#graph g.actor-node').length === 2")), "and so is the picture")


def main():
    hocket, source, folder = sys.argv[1:4]
    if not chromium.find():
        print("skipped: there is no Chromium here")
        return 77
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    folder = str(pathlib.Path(folder).resolve())
    graph = pathlib.Path(folder) / "parrot.yaml"
    graph.write_text(GRAPH)
    checker = page.axe(folder)
    with Served(hocket, source, f"{folder}/out", "--edit", graph=str(graph)) as served:
        browser = chromium.Chromium()
        try:
            edit(browser, served, folder, checker)
            check(not browser.console, "no error in the page", "; ".join(browser.console))
        finally:
            browser.picture(f"{folder}/last.png")
            browser.close()
        check(served.stop() == 0, "the server ends in order")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
