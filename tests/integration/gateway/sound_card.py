"""A microphone and a loudspeaker for browsers on a machine that has neither: a sound server of its own."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time


def is_there():
    return all(shutil.which(n) for n in ("pulseaudio", "pactl", "paplay", "parecord"))


class SoundCard:
    """What is played to it is what browsers with its `environment` hear; what they play can be recorded."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="hocket-sound-")
        place = f"{self.folder}/socket"
        self.environment = {**os.environ, "PULSE_SERVER": f"unix:{place}", "XDG_RUNTIME_DIR": self.folder}
        self.log = open(f"{self.folder}/log.txt", "w")
        self.server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
             "-L", "module-null-sink sink_name=person rate=16000 channels=1",
             "-L", "module-null-sink sink_name=loudspeaker rate=48000",
             "-L", f"module-native-protocol-unix socket={place} auth-anonymous=1"],
            env={**self.environment, "HOME": self.folder}, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        self.recorder = None
        until = time.monotonic() + 60
        while self.tell("set-default-sink", "loudspeaker") != 0:
            if self.server.poll() is not None or time.monotonic() > until:
                said = pathlib.Path(self.folder, "log.txt").read_text()[-2000:]
                self.close()
                raise RuntimeError("no sound server:\n" + said)
            time.sleep(0.1)
        self.tell("set-default-source", "person.monitor")

    def tell(self, *words):
        return subprocess.run(["pactl", *words], env=self.environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode

    def play(self, wav):
        """Says a file into the microphone, at its speed."""
        subprocess.run(["paplay", "--device=person", wav], env=self.environment, check=True, timeout=120)

    def record(self, wav):
        """What the loudspeaker plays from now on, 16 kHz mono, until `recorded`."""
        self.recorder = subprocess.Popen(
            ["parecord", "--device=loudspeaker.monitor", "--rate=16000", "--channels=1", "--format=s16le",
             "--file-format=wav", wav], env=self.environment, stdin=subprocess.DEVNULL)

    def recorded(self):
        self.recorder.send_signal(signal.SIGINT)  # it writes the file's head at its orderly end
        self.recorder.wait(60)

    def close(self):
        for process in (self.recorder, self.server):
            if process and process.poll() is None:
                process.terminate()
                process.wait(60)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
