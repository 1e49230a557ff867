#!/usr/bin/env python3
"""Computes dMel of a test signal independently of the C++ code, in float64, for dmel.test.cpp.

Needs numpy only. Usage: python3 make_dmel_fixture.py > dmel_fixture.json
The signal is integer arithmetic, so that both sides start from the same samples.
"""
import json
import numpy as np

RATE, HOP, WINDOW, MELS, LEVELS = 16000, 800, 1600, 80, 16


def signal():
    """1.03 s: noise of a linear congruential generator under a stepped envelope, silence, a square tone."""
    n, state, out = 16480, 12345, []
    for i in range(n):
        state = (1103515245 * state + 12345) % 2**31
        noise = (state >> 15) - 32768
        level = (i // 2000) % 5
        value = [0, noise // 1024, noise // 64, noise // 4, 8000 if (i // 20) % 2 else -8000][level]
        out.append(value)
    return np.array(out, dtype=np.float64) / 32768.0


def slaney(hz):
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1e-9) / 1000) / np.log(6.4))


def slaney_inverse(mel):
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def filters():
    edges = slaney_inverse(np.linspace(slaney(np.array(0.0)), slaney(np.array(8000.0)), MELS + 2))
    bins = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    rows = []
    for low, mid, high in zip(edges, edges[1:], edges[2:]):
        up, down = (bins - low) / (mid - low), (high - bins) / (high - mid)
        rows.append(np.maximum(0, np.minimum(up, down)) * 2 / (high - low))
    return np.stack(rows)


def dmel(x):
    x = np.concatenate([np.zeros(WINDOW - HOP), x, np.zeros(-len(x) % HOP)])
    window = np.hanning(WINDOW + 1)[:-1]
    centres = np.linspace(-7, 2, LEVELS)
    bank, frames, margins = filters(), [], []
    for at in range(0, len(x) - WINDOW + 1, HOP):
        spectrum = np.fft.rfft(x[at:at + WINDOW] * window)
        magnitude = np.sqrt(np.maximum(spectrum.real**2 + spectrum.imag**2, 1e-10))
        log_mel = np.clip(np.log10(np.maximum(bank @ magnitude, 1e-10)), -7, 2)
        distance = np.abs(log_mel[:, None] - centres)
        frames.append(np.argmin(distance, axis=1))
        ranked = np.sort(distance, axis=1)
        margins.append(ranked[:, 1] - ranked[:, 0])
    return np.stack(frames), np.stack(margins)


frames, margins = dmel(signal())
print(json.dumps({"frames": frames.tolist(), "smallest_margin": float(margins.min())}))
