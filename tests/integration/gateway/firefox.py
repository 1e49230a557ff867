"""A headless Firefox, driven by WebDriver BiDi over its own WebSocket: no package is needed for it.

The same calls as `chromium.Chromium`, so that a test can be played in either."""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import time

from browser import Browser
from served import WebSocket

# Asks nobody outside, gives the microphone without a window to click in, plays without a gesture. The fake
# camera comes with a fake microphone; without it the microphone is the sound server's.
PREFERENCES = {
    "media.navigator.permission.disabled": True, "media.autoplay.default": 0, "media.cubeb.backend": "pulse",
    "browser.shell.checkDefaultBrowser": False, "browser.startup.page": 0, "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False, "toolkit.telemetry.reportingpolicy.firstRun": False,
    "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
    "browser.safebrowsing.malware.enabled": False, "browser.safebrowsing.phishing.enabled": False,
    "extensions.getAddons.cache.enabled": False, "services.settings.server": "data:,",
}
KEYS = {"Enter": "\ue007", "ArrowLeft": "\ue012", "ArrowRight": "\ue014", "End": "\ue010", "Home": "\ue011",
        "Tab": "\ue004", "Escape": "\ue00c"}


def find():
    """The browser's program; None where there is none."""
    return next((p for n in ("firefox-esr", "firefox") if (p := shutil.which(n))), None)


def plain(value):
    """What a script gave, as Python has it."""
    kind = value["type"]
    if kind == "array":
        return [plain(v) for v in value.get("value", [])]
    if kind == "object":
        return {k: plain(v) for k, v in value.get("value", [])}
    if kind == "number" and isinstance(value["value"], str):
        return float(value["value"].replace("Infinity", "inf"))
    return value.get("value")


class Firefox(Browser):
    """One browser with one page. `fake_devices`: a camera and a microphone of its own; `environment` as a process has it."""

    def __init__(self, size=(1280, 900), fake_devices=False, environment=None):
        super().__init__("firefox")
        preferences = {**PREFERENCES, "media.navigator.streams.fake": fake_devices}
        words = {True: "true", False: "false"}
        pathlib.Path(self.profile, "user.js").write_text("".join(
            f'user_pref("{k}", {words[v] if isinstance(v, bool) else v if isinstance(v, int) else repr(v)});\n'
            for k, v in preferences.items()))
        self.said = open(f"{self.profile}/said.txt", "w+")
        self.process = subprocess.Popen(
            [find(), "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", self.profile],
            env={**(environment or os.environ), "HOME": self.profile}, stdin=subprocess.DEVNULL, stdout=self.said,
            stderr=subprocess.STDOUT)
        self.socket = None
        try:
            self.connect(size)
        except BaseException:
            self.close()
            raise

    def connect(self, size):
        self.socket = WebSocket(self.port(), "/session")
        self.call("session.new", capabilities={})
        # A window of its own has the focus, without which no key arrives; the first one has not.
        self.context = self.call("browsingContext.create", type="window")["context"]
        self.call("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.resize(size)

    def port(self, limit_s=180):
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if found := re.search(r"BiDi listening on ws://127\.0\.0\.1:(\d+)", pathlib.Path(self.said.name).read_text()):
                return int(found[1])
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("the browser does not begin:\n" + pathlib.Path(self.said.name).read_text()[-2000:])

    def resize(self, size, mobile=False):
        self.call("browsingContext.setViewport", context=self.context, devicePixelRatio=2 if mobile else 1,
                  viewport={"width": size[0], "height": size[1]})

    def call(self, method, limit_s=180, **params):
        self.next_id += 1
        wanted = self.next_id
        self.socket.send({"id": wanted, "method": method, "params": params})
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            reply = self.read(until - time.monotonic())
            if reply and reply.get("id") == wanted:
                if reply["type"] == "error":
                    raise RuntimeError(f"{method}: {reply['message']}")
                return reply["result"]
        raise TimeoutError(method)

    def read(self, limit_s):
        message = self.socket.receive(limit_s)
        if message is None:
            if self.socket.code is not None:
                raise RuntimeError("the browser is gone")
            return None
        params = message.get("params", {})
        if message.get("method") == "log.entryAdded" and params["level"] == "error":
            self.console.append(params.get("text") or "an error without a text")
        if message.get("method") == "network.beforeRequestSent" and params.get("context") == self.context:
            self.requests.append(params["request"]["url"])
        return message

    def open(self, url):
        self.call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def run(self, script):
        """The value of an expression; promises are waited for."""
        got = self.call("script.evaluate", expression=script, awaitPromise=True, userActivation=True,
                        target={"context": self.context})
        if got["type"] == "exception":
            raise RuntimeError(got["exceptionDetails"]["text"])
        return plain(got["result"])

    def press(self, key, code=None, text=None):
        actions = [{"type": kind, "value": KEYS.get(key, key)} for kind in ("keyDown", "keyUp")]
        self.call("input.performActions", context=self.context, actions=[{"type": "key", "id": "keys", "actions": actions}])

    def picture(self, path, whole=True):
        data = self.call("browsingContext.captureScreenshot", context=self.context,
                         origin="document" if whole else "viewport")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        if self.socket:
            self.socket.close()
        self.said.close()
        super().close()
