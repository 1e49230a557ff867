"""What a test does with a browser, whichever it is: `chromium.Chromium` and `firefox.Firefox` say how."""

import shutil
import subprocess
import tempfile
import time


class Browser:
    """One browser with one page, in a profile of its own. Who makes one gives `run(script)` and `read(limit_s)`."""

    def __init__(self, name):
        self.profile = tempfile.mkdtemp(prefix=f"hocket-{name}-")
        self.process, self.next_id, self.console, self.requests = None, 0, [], []

    def until(self, script, limit_s=120):
        """Waits until an expression is true, and gives its value; False where it never was."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            if value := self.run(script):
                return value
            self.read(0.1)
        return False

    def close(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)
