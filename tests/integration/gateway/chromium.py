"""A headless Chromium, driven over its debugging pipe: no package is needed for it."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

from browser import Browser


def find():
    """The browser's program; None where there is none."""
    return next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)


class Chromium(Browser):
    """One browser with one page. `wav` is what its microphone hears, again and again; `more` are further flags;
    `environment` as a process has it."""

    def __init__(self, wav=None, size=(1280, 900), mobile=False, more=(), environment=None):
        super().__init__("chromium")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                 "--autoplay-policy=no-user-gesture-required", "--remote-debugging-pipe",
                 *more, f"--user-data-dir={self.profile}", f"--window-size={size[0]},{size[1]}"]
        if wav:
            flags.append(f"--use-file-for-fake-audio-capture={wav}")

        def wire():  # the browser reads at 3 and writes at 4
            os.dup2(theirs_in, 30)
            os.dup2(theirs_out, 31)
            os.dup2(30, 3)
            os.dup2(31, 4)

        self.process = subprocess.Popen([find(), *flags, "about:blank"], preexec_fn=wire, close_fds=False,
                                        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.reads, self.writes = ours_in, ours_out
        self.buffer, self.session = b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")
        self.resize(size, mobile)

    def resize(self, size, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                  deviceScaleFactor=2 if mobile else 1, mobile=mobile)

    def call(self, method, limit_s=180, **params):
        self.next_id += 1
        wanted = self.next_id
        message = {"id": wanted, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writes, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            reply = self.read(until - time.monotonic())
            if reply and reply.get("id") == wanted:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']['message']}")
                return reply["result"]
        raise TimeoutError(method)

    def read(self, limit_s):
        while b"\0" not in self.buffer:
            if not select.select([self.reads], [], [], max(0, limit_s))[0]:
                return None
            piece = os.read(self.reads, 1 << 20)
            if not piece:
                raise RuntimeError("the browser is gone")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\0", 1)
        message = json.loads(line)
        self.note(message)
        return message

    def note(self, message):
        """What the page complained of, and whom it asked."""
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.console.append(details.get("exception", {}).get("description") or details["text"])
        if message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.console.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def run(self, script):
        """The value of an expression; promises are waited for."""
        got = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in got:
            raise RuntimeError(got["exceptionDetails"].get("exception", {}).get("description", script))
        return got["result"].get("value")

    def press(self, key, code=None, text=None):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key,
                      **({"text": text} if text and kind == "keyDown" else {}))

    def picture(self, path, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def close(self):
        super().close()
        os.close(self.reads)
        os.close(self.writes)
