"""The vocoder as torch sees it; engine/audio/learnt_vocoder.cpp is the same for listening.

Log-mel frames (engine/audio/speech_mel.hpp) to 16 kHz: a small causal network says of every frame (12.5 ms)
how high the voice is and how two sources sound, a train of pulses and noise; their filters make the rest.
"""
import math

import numpy
import torch
from torch import nn
from torch.nn import functional

RATE, HOP, WINDOW, CHANNELS = 16000, 200, 800, 80
FLOOR, MEAN, SCALE = -3.5, -2.4, 0.9
SEGMENT, FFT = 400, 1024  # a frame filters this much of its sources; room for what rings after
BINS = FFT // 2 + 1
F0_HZ = 160.0             # where the pitch's scale has its zero
TOP_HZ = 7600.0           # no harmonics above
NOISE_DELAY = 64          # samples; its filters ring before their time without
WIDTH, BLOCKS, KERNEL = 128, 4, 5
SILENCE = (FLOOR - MEAN) / SCALE


def mel_filters(bins=WINDOW // 2 + 1, top=8000.0):
    """[80, bins]: Slaney triangles as in engine/audio/mel_filters.cpp, and their centres in Hz."""
    step = math.log(6.4) / 27
    mel_top = 15 + math.log(top / 1000) / step
    mels = numpy.linspace(0, mel_top, CHANNELS + 2)
    edges = numpy.where(mels < 15, mels * 200 / 3, 1000 * numpy.exp(step * (mels - 15)))
    hz = numpy.arange(bins) * RATE / 2 / (bins - 1)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    w = numpy.maximum(0, numpy.minimum((hz - left) / (centre - left), (right - hz) / (right - centre)))
    return w * 2 / (right - left), edges[1:-1]


_FILTERS, CENTRES = mel_filters()


def log_mel(x):
    """[..., n] to [..., frames, 80], normalised; a frame begins at its time."""
    frames = -(-x.shape[-1] // HOP)
    x = functional.pad(x, (0, (frames - 1) * HOP + WINDOW - x.shape[-1]))
    window = torch.hann_window(WINDOW, periodic=True)
    magnitude = torch.fft.rfft(x.unfold(-1, WINDOW, HOP) * window).abs()
    mel = magnitude @ torch.tensor(_FILTERS.T, dtype=torch.float32)
    return (torch.log10(mel.clamp_min(10 ** FLOOR)) - MEAN) / SCALE


def band_weights():
    """[80, BINS]: from values at the bands' centres to bins, linear between them."""
    hz = numpy.arange(BINS) * RATE / FFT
    out = numpy.zeros((CHANNELS, BINS))
    for b, f in enumerate(hz):
        k = numpy.clip(numpy.searchsorted(CENTRES, f) - 1, 0, CHANNELS - 2)
        share = numpy.clip((f - CENTRES[k]) / (CENTRES[k + 1] - CENTRES[k]), 0, 1)
        out[k, b], out[k + 1, b] = 1 - share, share
    return torch.tensor(out, dtype=torch.float32)


class block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.along = nn.Conv1d(width, width, KERNEL, groups=width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x):  # [batch, width, frames]
        h = self.along(functional.pad(x, (KERNEL - 1, 0))).transpose(1, 2)
        h = h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-5)
        return x + self.down(torch.relu(self.up(h))).transpose(1, 2)


class vocoder(nn.Module):
    def __init__(self, width=WIDTH, blocks=BLOCKS):
        super().__init__()
        self.enter = nn.Conv1d(CHANNELS, width, 3)
        self.blocks = nn.ModuleList(block(width) for _ in range(blocks))
        self.leave = nn.Linear(width, 1 + 2 * CHANNELS)
        self.register_buffer("bands", band_weights(), persistent=False)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        fold = torch.zeros(FFT)  # of a real cepstrum into that of a minimum phase
        fold[0] = fold[FFT // 2] = 1
        fold[1:FFT // 2] = 2
        self.register_buffer("fold", fold, persistent=False)

    def frames(self, mel):
        """[batch, frames, 80] to log2 of f0 over F0_HZ, and natural log magnitudes of both filters."""
        x = self.enter(functional.pad(mel.transpose(1, 2), (2, 0), value=SILENCE))
        for b in self.blocks:
            x = b(x)
        out = self.leave(torch.relu(x.transpose(1, 2)))
        before = functional.pad(mel, (0, 0, 1, 0), value=SILENCE)[:, :-1]
        base = (before * SCALE + MEAN) * math.log(10)  # the frame before has its middle where this one sounds
        return out[..., 0], base + out[..., 1:1 + CHANNELS], base + out[..., 1 + CHANNELS:]

    def pulses(self, f0):
        """[batch, frames] Hz to [batch, frames * HOP + HOP] samples: harmonics of equal power up to TOP_HZ.
        f0[i] holds at the middle of window i; the samples from i * HOP + HOP on."""
        ahead = torch.cat([f0[:, :1], f0[:, :1], f0], 1)  # value at 0, at HOP, then one per HOP
        steps = torch.arange(HOP) / HOP
        hz = (ahead[:, :-1, None] * (1 - steps) + ahead[:, 1:, None] * steps).flatten(1)
        phase = torch.cumsum(hz.double() / RATE, 1) % 1.0
        turn = (2 * math.pi * phase).float()
        most = torch.floor(TOP_HZ / hz)
        low = torch.sin(turn / 2)
        near = low.abs() < 1e-4
        summed = torch.sin((most + 0.5) * turn) / (2 * torch.where(near, torch.ones_like(low), low)) - 0.5
        return torch.where(near, most, summed) * torch.sqrt(2 / most)

    def sound(self, f0, harmonic, noise, noise_in=None):
        """Both sources through their filters: [batch, frames * HOP]."""
        frames = harmonic.shape[1]
        pulses = self.pulses(f0)[:, :(frames + 1) * HOP]
        white = torch.randn_like(pulses) if noise_in is None else noise_in
        window = torch.hann_window(SEGMENT, periodic=True)

        def spectra(x):
            return torch.fft.rfft(x.unfold(1, SEGMENT, HOP) * window, FFT)

        log_h = (harmonic @ self.bands)
        cepstrum = torch.fft.irfft(log_h, FFT) * self.fold
        h = torch.exp(torch.fft.rfft(cepstrum, FFT))
        g = torch.exp(noise @ self.bands)
        late = torch.exp(-2j * math.pi * torch.arange(BINS) * NOISE_DELAY / FFT)
        y = torch.fft.irfft(spectra(pulses) * h + spectra(white) * (g * late), FFT)
        out = functional.fold(y.transpose(1, 2), (1, (frames - 1) * HOP + FFT), (1, FFT), stride=(1, HOP))
        return out[:, 0, 0, :frames * HOP]

    def forward(self, mel, f0=None):
        pitch, harmonic, noise = self.frames(mel)
        return self.sound(F0_HZ * 2 ** pitch if f0 is None else f0, harmonic, noise), pitch
