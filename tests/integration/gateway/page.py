#!/usr/bin/env python3
"""A person talks with the page: Chromium with a file as its microphone, and the duplex model behind it.

    page.py HOCKET SOURCE FOLDER [firefox]

FOLDER gets what is written, pictures of the page included. Where a sound server can be started, what the browser
plays is recorded and given to an independent recogniser; Firefox has its microphone from there, too. Exit status
77: the browser, or what it hears with, is not here."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import time
import wave

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import chromium
import firefox
import sound_card
from served import Served

failed = []


def check(good, what, detail=""):
    print(("ok    " if good else "FAILED ") + what + (f": {detail}" if detail and not good else ""))
    if not good:
        failed.append(what)


def tried(play):
    """A conversation in real time: what a machine that stands still makes late is not understood. Three tries."""
    for left in (2, 1, 0):
        before = len(failed)
        play()
        if len(failed) == before or left == 0:
            return
        print("tried again: " + "; ".join(failed[before:]))
        del failed[before:]


def becomes(what, limit_s=120):
    until = time.monotonic() + limit_s
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def microphone(source, to, silence_s=20):
    """The question once, then silence: Chromium's microphone begins anew at the end of its file."""
    with wave.open(f"{source}/configs/graphs/speech/question.wav") as w:
        rate, speech = w.getframerate(), w.readframes(w.getnframes())
    with wave.open(to, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(bytes(2 * rate) + speech + bytes(2 * silence_s * rate))


def axe(folder):
    """The checker's source, where npm gives it."""
    try:
        subprocess.run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", "axe-core@4.11.0"],
                       check=True, timeout=90, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return pathlib.Path(folder, "node_modules/axe-core/axe.min.js").read_text()
    except (OSError, subprocess.SubprocessError):
        return None


def accessibility(browser, source, where):
    browser.run(source)
    found = browser.run("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map("
                        "v => ({id: v.id, impact: v.impact, at: v.nodes.map(n => n.target.join(' ')).slice(0, 4)})))")
    bad = [v for v in found if v["impact"] in ("serious", "critical")]
    check(not bad, f"axe has no serious finding ({where})", json.dumps(bad))
    return found


ONES = "one two three four five six seven eight nine"
# It finds what fits best of a hundred numbers, so that a right one is no accident.
NUMBERS = f"""#JSGF V1.0;
grammar answers;
public <said> = (<phrase>)+;
<phrase> = let me check | it is <number> | that is <number> | <number>;
<number> = <small> | <tens> [<one>] | a hundred;
<one> = {ONES.replace(" ", " | ")};
<small> = zero | <one> | ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen;
<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;
"""
LISTENER = """hocket: 1
name: listener
actors:
  sound: {component: capture.gst, file: played.wav, pad_s: 2}
  vad: {component: vad.energy, inputs: {audio: sound.audio}}
  asr: {component: asr.pocketsphinx, grammar: numbers.gram, inputs: {segments: vad.segments}}
  log: {component: record.events, file: heard.jsonl, pii.text: true, inputs: {heard: asr.text}}
"""


def recognised(hocket, folder):
    """What PocketSphinx hears in FOLDER/played.wav."""
    folder = pathlib.Path(folder)
    (folder / "numbers.gram").write_text(NUMBERS)
    (folder / "listener.yaml").write_text(LISTENER)
    done = subprocess.run([hocket, "run", folder / "listener.yaml", "--virtual", "--out", folder / "listener"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        return f"(hocket run: {done.stdout[-500:]}{done.stderr[-500:]})"
    lines = [json.loads(line) for line in (folder / "listener/heard.jsonl").read_text().splitlines()]
    return " ".join(line["text"] for line in lines if line.get("text"))


def talk(browser, served, folder, ask=None):
    """`ask`: says the question, when the microphone is on."""
    browser.open(served.url + "/")
    check(bool(browser.until("document.getElementById('disclosure').textContent.includes('machine')")),
          "the page says that it is a machine")
    check(browser.run("document.getElementById('sign').hidden"), "the microphone is off before anybody agreed")
    browser.run("setInterval(() => { window.loudest = Math.max(window.loudest ?? 0, "
                "document.getElementById('model-level').value); }, 20), 0")
    browser.run("document.getElementById('start').focus()")
    browser.press("Enter", text="\r")
    check(bool(browser.until("document.getElementById('consent').open")), "it asks, by keyboard too")
    browser.picture(f"{folder}/consent.png", whole=False)
    browser.press("Enter", text="\r")
    check(bool(browser.until("!document.getElementById('sign').hidden")), "a sign says that the microphone is on")
    if ask:
        ask()
    captions = "document.getElementById('captions').innerText.toLowerCase()"
    check(bool(browser.until(f"/seven times eight/.test({captions})")), "what was said is a caption",
          browser.run(captions))
    check(bool(browser.until(f"/fifty six|56/.test({captions})")), "the answer is a caption", browser.run(captions))
    loud = ("hocket.memory.voices.model.reduce((n, p) => n + p.samples.filter(s => Math.abs(s) > 300).length, 0)")
    check(bool(browser.until(f"{loud} > 3200")), "the answer is heard", browser.run(loud))
    check(bool(browser.until("window.loudest > 0")), "it has a level")
    check(browser.run("hocket.timeline.turns.length") > 20, "micro-turns are drawn")
    check(browser.run("hocket.timeline.work.size") >= 1, "work of the background is drawn")
    check(bool(browser.until("document.querySelectorAll('#graph g.actor-node').length >= 4")), "the graph is drawn")


def count_of(served, actor, counter):
    return sum(a.get("counters", {}).get(counter, 0) for a in served.status()["actors"] if a["name"] == actor)


def look(browser, served, folder):
    """The camera: off until somebody wants it, asked for, seen by the model, and off again."""
    shown = "!document.getElementById('camera-sign').hidden"
    check(not browser.run(shown), "the camera is off")
    browser.run("document.getElementById('look').focus()")
    browser.press("Enter", text="\r")
    check(bool(browser.until("document.getElementById('consent').open && "
                             "document.getElementById('consent-question').textContent.includes('camera')")),
          "a camera is asked for by itself")
    browser.picture(f"{folder}/camera_consent.png", whole=False)
    browser.run("document.getElementById('no').click()")
    check(not browser.run(shown), "no is no")
    browser.run("document.getElementById('look').click()")
    browser.until("document.getElementById('consent').open")
    browser.run("document.getElementById('yes').click()")
    check(bool(browser.until(shown)), "a sign says that the camera is on")
    check(browser.run("document.getElementById('look').getAttribute('aria-pressed')") == "true", "its button says so")
    check(becomes(lambda: count_of(served, "door", "pictures") >= 5), "pictures come in")
    check(becomes(lambda: sum(l["delivered"] for l in served.status()["links"] if l["to"] == "model.video") >= 5),
          "they come to the model")
    check(count_of(served, "model", "video_ignored") + count_of(served, "model", "video_misfits") == 0,
          "the model looks at them")


def look_away(browser):
    browser.run("document.getElementById('look').click()")
    check(browser.run("document.getElementById('camera-sign').hidden"), "the camera can be stopped")


def use(browser, folder, checker):
    """What else the page can do, while it is connected."""
    browser.run("document.querySelector('#graph g.actor-node').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))")
    check(bool(browser.until("document.querySelector('#actor pre')?.textContent.includes('component')")),
          "an actor shows its figures and its part of the file", browser.run("document.getElementById('actor').innerText"))
    browser.run("document.getElementById('timeline').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}))")
    check(browser.run("!hocket.timeline.isFollowing"), "the timeline scrolls by keyboard")
    browser.run("document.getElementById('timeline').dispatchEvent(new KeyboardEvent('keydown', {key: 'End'}))")
    browser.run("document.getElementById('mute').click()")
    check(browser.run("document.getElementById('mute').getAttribute('aria-pressed')") == "true", "mute is told")
    wav = browser.run("(() => { const b = new Uint8Array(hocket.memory.wav()); let t = ''; "
                      "for (let i = 0; i < b.length; i += 0x8000) t += String.fromCharCode(...b.subarray(i, i + 0x8000)); return btoa(t); })()")
    pathlib.Path(folder, "conversation.wav").write_bytes(base64.b64decode(wav))
    for name, size, mobile in (("desktop", (1280, 900), False), ("phone", (390, 844), True)):
        browser.resize(size, mobile)
        browser.until("false", 1)
        browser.picture(f"{folder}/{name}.png")
        wide = browser.run("document.documentElement.scrollWidth - innerWidth")
        check(wide <= 0, f"nothing is wider than the window ({name})", str(wide))
        if checker:
            accessibility(browser, checker, name)


# A loudspeaker that does not wake at one click and wakes at the next; a microphone that is stopped while the browser
# still asks for it. Times are a hundredth of what they are.
WAKES = """import('/sound.js').then(async ({ Sound }) => {
  const { setTimeout: real, navigator: { mediaDevices } } = globalThis, ask = mediaDevices.getUserMedia;
  globalThis.setTimeout = (then, ms) => real(then, ms / 100);
  const sound = new Sound(document.createElement('audio')), said = [];
  sound.prepared = Promise.resolve();
  sound.context = { state: 'suspended', resume: () => new Promise(() => {}) };
  said.push(await sound.start());
  sound.context.resume = async () => {};
  said.push(await sound.start());
  globalThis.setTimeout = real;
  let give, isOn = true;
  mediaDevices.getUserMedia = () => new Promise((go) => { give = go; });
  const opened = sound.open('');
  sound.closeMicrophone();
  const tracks = [{ stop: () => { isOn = false; } }];
  give({ getTracks: () => tracks, getAudioTracks: () => tracks });
  await opened.catch(() => {});
  mediaDevices.getUserMedia = ask;
  return [...said, isOn];
})"""


def sound_wakes(browser):
    check(browser.run(WAKES) == [False, True, False], "sound wakes at a later click, and a stopped microphone stays off")


def forget(browser):
    browser.run("document.getElementById('forget').click(), document.getElementById('words').value = 'one more word', "
                "document.getElementById('type').requestSubmit()")
    check(bool(browser.until("hocket.session() === null")), "my session is deleted")
    check(browser.run("hocket.memory.voices.you.length + hocket.memory.voices.model.length") == 0, "nothing of it is kept")
    check(browser.run("!document.getElementById('captions').innerText && document.getElementById('words').value === 'one more word'"),
          "who types behind it is not told of as heard")


def in_chromium(served, folder, card, checker):
    browser = chromium.Chromium(wav=f"{folder}/microphone.wav", environment=card and card.environment)
    try:
        talk(browser, served, folder)
        look(browser, served, folder)
        use(browser, folder, checker)
        look_away(browser)
        sound_wakes(browser)
        forget(browser)
        alone(browser, served)
    finally:
        browser.picture(f"{folder}/last.png")
        browser.close()


def in_firefox(served, folder, card, checker):
    browser = firefox.Firefox(environment=card.environment)
    try:
        talk(browser, served, folder, ask=lambda: card.play(f"{folder}/microphone.wav"))
        use(browser, folder, checker)
        sound_wakes(browser)
        forget(browser)
        alone(browser, served)
    finally:
        browser.picture(f"{folder}/last.png")
        browser.close()
    silent_person(served)
    browser = firefox.Firefox(fake_devices=True, environment=card.environment)  # the only camera here
    try:
        browser.open(served.url + "/")
        browser.until("document.getElementById('disclosure').textContent.includes('machine')")
        browser.run("document.getElementById('start').click()")
        browser.until("document.getElementById('consent').open")
        browser.run("document.getElementById('yes').click()")
        check(bool(browser.until("!document.getElementById('sign').hidden")), "a second person talks")
        look(browser, served, folder)
        look_away(browser)
        forget(browser)
        alone(browser, served)
    finally:
        browser.close()


def silent_person(served):
    """A machine without a loudspeaker: Firefox's sound never starts, and who types converses all the same."""
    browser = firefox.Firefox(environment={**os.environ, "PULSE_SERVER": "unix:/nowhere"})
    try:
        browser.open(served.url + "/")
        browser.run("document.getElementById('words').value = 'what is seven times eight'")
        browser.run("document.getElementById('type').requestSubmit()")
        check(bool(browser.until("document.getElementById('notice').innerText.includes('loudspeaker')")),
              "who has no loudspeaker is told")
        lines = "document.querySelectorAll('#captions .you').length && document.querySelectorAll('#captions .model').length"
        check(bool(browser.until(lines)), "who types has captions of both")
    finally:
        browser.close()


def alone(browser, served):
    outside = [r for r in browser.requests if not r.startswith((served.url, "data:", "blob:", "about:"))]
    check(not outside, "it asks nobody else", str(outside))
    check(not browser.console, "no error in the page", "; ".join(browser.console))


def main():
    hocket, source, folder = sys.argv[1:4]
    name = sys.argv[4] if len(sys.argv) > 4 else "chromium"
    where, play = {"chromium": (chromium, in_chromium), "firefox": (firefox, in_firefox)}[name]
    if not where.find():
        print(f"skipped: there is no {name} here")
        return 77
    if name == "firefox" and not sound_card.is_there():
        print("skipped: Firefox has no microphone without pulseaudio and pulseaudio-utils")
        return 77
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    microphone(source, f"{folder}/microphone.wav", 20 if name == "chromium" else 0)
    checker = axe(folder)
    if not checker:
        print("axe is not checked: npm is missing or reaches no registry")
    card = None
    try:
        card = sound_card.SoundCard() if sound_card.is_there() else None
    except RuntimeError as e:
        print(e)
    if not card:
        print("what the browser plays is not recorded: no pulseaudio, no pulseaudio-utils, or it does not start")
        if name == "firefox":
            return 77
    try:
        with Served(hocket, source, f"{folder}/out") as served:
            def once():
                if card:
                    card.record(f"{folder}/played.wav")
                play(served, folder, card, checker)
                if card:
                    card.recorded()
                    said = recognised(hocket, folder)
                    check("let me check" in said, "a recogniser hears the machine in what the browser played", said)
                    # Sound that comes late is left out, and a busy machine makes much of it late.
                    print("the recogniser heard: " + said + ("" if "fifty six" in said else " (said was: fifty six)"))
            tried(once)
            check(served.stop() == 0, "the server ends in order")
    finally:
        if card:
            card.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
