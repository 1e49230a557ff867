"""How still the machine stood: a thread that only sleeps, and notes by how much it woke too late."""

import threading
import time

BEAT_S = 0.01


class Metronome:
    """Use as a context; `worst_ms` afterwards."""

    def __init__(self):
        self.worst_ms = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _beat(self):
        while not self._over.is_set():
            began_s = time.monotonic()
            time.sleep(BEAT_S)
            self.worst_ms = max(self.worst_ms, (time.monotonic() - began_s - BEAT_S) * 1000)
