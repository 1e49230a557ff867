"""Whisper (base, many languages) by faster-whisper: a recogniser to choose where it is installed."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

_SHORTEST = 1600  # samples: shorter than any word


class _Absent(types.ModuleType):
    """Stands for a package that faster-whisper imports, and uses to fetch models alone."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


class Whisper:
    """`folder`: model.bin, config.json, tokenizer.json, vocabulary.json. Nothing is fetched."""

    def __init__(self, folder: Path, language: str = "en") -> None:
        import numpy

        if "huggingface_hub" not in sys.modules:
            for unused in ("huggingface_hub", "huggingface_hub.errors", "huggingface_hub.utils"):
                sys.modules[unused] = _Absent(unused)
        from faster_whisper import WhisperModel

        self.np = numpy
        self.language = language or None
        # One thread: its actor is one of several that share the cores.
        self.model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1,
                                  local_files_only=True)

    def __call__(self, samples: Any) -> str:
        """samples: [n] f32 at 16 kHz, 30 s at most; the words as they are written."""
        if len(samples) < _SHORTEST:
            return ""
        parts, _ = self.model.transcribe(self.np.asarray(samples, "f4"), language=self.language, beam_size=1,
                                         temperature=0.0, without_timestamps=True, condition_on_previous_text=False)
        return " ".join(" ".join(p.text for p in parts).split())
