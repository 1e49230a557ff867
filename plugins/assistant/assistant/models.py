"""The files of the models, and what is missing of them."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: By part: what it reads below the folder of the models.
FILES = {
    "silero": ["silero/silero_vad.onnx"],
    "moonshine": ["moonshine/encoder_model.ort", "moonshine/decoder_model_merged.ort", "moonshine/tokenizer.bin"],
    "whisper": ["whisper/model.bin", "whisper/config.json", "whisper/tokenizer.json", "whisper/vocabulary.json"],
    "kokoro": ["kokoro/model.onnx", "kokoro/vocab.json", "kokoro/voices/af_heart.bin"],
}
PACKAGES = ["numpy", "onnxruntime"]
#: By part: what it needs beside or instead of them, and which command installs it.
_OWN_PACKAGES = {"whisper": ["numpy", "faster_whisper", "ctranslate2", "tokenizers", "av", "tqdm"]}
_INSTALLS = {"whisper": "plugins/assistant/install.py --whisper"}


def folder_of(given: str) -> Path:
    """Where the models are: as a graph says, else where `tools/setup --assistant` puts them."""
    return Path(given) if given else Path(__file__).resolve().parent.parent / ".venv/models"


def missing(part: str, given: str = "") -> list[str]:
    """What a part lacks, packages and files by name; empty where it can open."""
    folder = folder_of(given)
    return [p for p in _OWN_PACKAGES.get(part, PACKAGES) if importlib.util.find_spec(p) is None] + [
        str(folder / f) for f in FILES[part] if not (folder / f).is_file()]


def need(part: str, given: str = "") -> Path:
    """The folder of a part's files. Errors: RuntimeError that names all that is missing."""
    lacks = missing(part, given)
    if lacks:
        raise RuntimeError(f"{part} cannot run, missing: {', '.join(lacks)}; "
                           f"`{_INSTALLS.get(part, 'tools/setup --assistant')}` installs it")
    return folder_of(given) / part


@contextlib.contextmanager
def _mute() -> Iterator[None]:
    """What the library says of devices that a confined process cannot see is no news."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def session(path: Path) -> Any:
    """An ONNX model on one thread of the CPU: its actor is one of several that share the cores."""
    with _mute():
        import onnxruntime
    onnxruntime.set_default_logger_severity(4)
    how = onnxruntime.SessionOptions()
    how.intra_op_num_threads = how.inter_op_num_threads = 1
    how.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), how, providers=["CPUExecutionProvider"])
