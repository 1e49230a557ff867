"""English text to Kokoro's phonemes, by the library of espeak-ng."""

from __future__ import annotations

import ctypes
from functools import cache

MARKS = ",.?!;:"
# espeak-ng's IPA as Kokoro learnt it: one letter for each diphthong and affricate.
_SOUNDS = [("aɪ", "I"), ("aʊ", "W"), ("eɪ", "A"), ("oʊ", "O"), ("əʊ", "Q"), ("ɔɪ", "Y"), ("tʃ", "ʧ"),
           ("dʒ", "ʤ"), ("ɚ", "əɹ"), ("ɜː", "ɜɹ"), ("ɐ", "ə"), ("r", "ɹ"), ("ɹɹ", "ɹ"), ("ɾ", "T"), ("ː", "")]
_SYNCHRONOUS, _UTF8, _IPA = 2, 1, 2


@cache
def _library() -> ctypes.CDLL:
    # By its own name: ctypes.util.find_library starts programs and writes files, which a confined process
    # may not, and it fails with another error where the first of them cannot be started.
    try:
        lib = ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        raise RuntimeError("kokoro cannot run, missing: libespeak-ng; `tools/setup` installs it") from None
    lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
    if lib.espeak_Initialize(_SYNCHRONOUS, 0, None, 0) < 0:
        raise RuntimeError("espeak-ng cannot read its data: install espeak-ng-data")
    return lib


def check() -> None:
    """Errors: RuntimeError where espeak-ng is not there."""
    _library()


def _ipa(text: str, voice: str) -> str:
    lib = _library()
    lib.espeak_SetVoiceByName(voice.encode())
    at = ctypes.c_char_p(text.encode())
    out = []
    while at.value is not None:
        said = lib.espeak_TextToPhonemes(ctypes.byref(at), _UTF8, _IPA)
        if said:
            out.append(said.decode("utf-8", "replace"))
    ipa = " ".join(" ".join(out).replace("_", "").replace("\u200d", "").split())
    for old, new in _SOUNDS:
        ipa = ipa.replace(old, new)
    return ipa


def phonemes(text: str, british: bool = False) -> str:
    """The phonemes of a text; marks are kept, since they shape the melody."""
    out, part = "", ""
    for i, c in enumerate(text + "\0"):
        inside = c in ".,:" and text[i - 1:i].isdigit() and text[i + 1:i + 2].isdigit()  # 3.5 and 10:30
        if (c not in MARKS and c != "\0") or inside:
            part += c
            continue
        if part.strip():
            out += (" " if out else "") + _ipa(part.strip(), "en-gb" if british else "en-us")
        out += c if c != "\0" and out else ""
        part = ""
    return out
