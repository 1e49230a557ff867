#!/usr/bin/env python3
"""Writes engine/audio/learnt_vocoder_fixture.{safetensors,json}: a small network with random numbers, what it
is given and what torch makes of it.

  python3 make_fixture.py ../../engine/audio
"""
import json
import pathlib
import sys

import numpy
import torch
from safetensors.torch import save_file

import network
from network import CHANNELS, HOP, SILENCE

FRAMES, REST = 12, 24  # the state at the begin is that after a rest


def white(count):
    """The vocoder's noise: splitmix64 of the place."""
    z = (numpy.arange(count, dtype=numpy.uint64) + 1) * numpy.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    z ^= z >> numpy.uint64(31)
    return ((z >> numpy.uint64(40)).astype(numpy.float64) / (1 << 24) - 0.5) * numpy.sqrt(12)


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.manual_seed(4)
    net = network.vocoder(width=8, blocks=2)
    with torch.no_grad():
        net.leave.weight.normal_(0, 0.1)
        net.leave.bias.normal_(0, 0.2)
        mel = (torch.cumsum(0.3 * torch.randn(1, FRAMES, CHANNELS), 1).clamp(SILENCE, 2) * 1e4).round() / 1e4
        rest = torch.full((1, REST, CHANNELS), SILENCE)
        pitch, harmonic, noise = (v[:, REST:] for v in net.frames(torch.cat([rest, mel], 1)))
        noise_in = torch.tensor(white((FRAMES + 1) * HOP), dtype=torch.float32)[None]
        sound = net.sound(network.F0_HZ * 2 ** pitch, harmonic, noise, noise_in)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()},
              str(folder / "learnt_vocoder_fixture.safetensors"))
    (folder / "learnt_vocoder_fixture.json").write_text(json.dumps(
        {"mel": [round(float(v), 6) for v in mel.flatten()],
         "sound": [float(f"{v:.6g}") for v in sound.flatten()]}) + "\n")
    print("pitch", pitch, "power", sound.square().mean())


if __name__ == "__main__":
    main()
