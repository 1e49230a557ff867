#!/usr/bin/env python3
"""Trains the vocoder (network.py) on banks of speech and writes its weights.

  python3 train.py --bank out/voice --bank out/bank --out out/vocoder [--steps N] [--threads N]
  python3 train.py ... --export             weights of the newest checkpoint, no training

A bank is a folder with VOICE.wav and VOICE.json (tools/scenarios/bank). out/vocoder holds the pitch of each
voice, checkpoints (a call that was stopped goes on), losses.csv and vocoder.safetensors.
"""
import argparse
import json
import pathlib
import time
import wave

import numpy
import torch

import network
from network import HOP, RATE, WINDOW

WARM = 12    # frames before the loss begins: what the network remembers
LENGTH = 52  # frames of a crop that the loss is about
SIZES = (128, 256, 512, 1024, 2048)  # of the spectra that are compared


def read(path):
    with wave.open(str(path)) as f:
        assert f.getframerate() == RATE and f.getnchannels() == 1, path
        return numpy.frombuffer(f.readframes(f.getnframes()), "<i2").astype(numpy.float32) / 32768


def pitch_of(x):
    """log2 of f0 over F0_HZ where a window's middle is voiced, NaN elsewhere; one per frame."""
    import parselmouth

    found = parselmouth.Sound(x, RATE).to_pitch_ac(time_step=HOP / RATE, pitch_floor=65, pitch_ceiling=420,
                                                   very_accurate=False)
    hz = numpy.nan_to_num(found.selected_array["frequency"])
    at = numpy.round((found.xs() * RATE - WINDOW / 2) / HOP).astype(int)  # whose window has its middle there
    f0 = numpy.zeros(len(x) // HOP)
    inside = (at >= 0) & (at < len(f0))
    f0[at[inside]] = hz[inside]
    voiced = f0 > 0
    f0 = numpy.log2(numpy.where(voiced, f0, network.F0_HZ) / network.F0_HZ)
    return numpy.where(voiced, f0, numpy.nan).astype(numpy.float32)


def load(banks, out):
    """[(name, samples, pitch)]; the pitch of a voice is found once."""
    voices = []
    for index in sorted(p for b in banks for p in b.glob("*.json")):
        if json.loads(index.read_text()).get("kind") == "people":
            continue  # telephones and rooms: nothing to sound like
        sound, cached = index.with_suffix(".wav"), out / f"pitch_{index.parent.name}_{index.stem}.npy"
        x = read(sound)
        if not cached.exists() or cached.stat().st_mtime < sound.stat().st_mtime:
            numpy.save(cached, pitch_of(x))
        pitch = numpy.load(cached)
        print(f"{index.stem}: {len(x) / RATE:.0f} s, {numpy.isfinite(pitch).mean():.2f} voiced", flush=True)
        voices.append((index.stem, x, pitch))
    return voices


def filled(pitch):
    """The pitch where there is none, between its neighbours."""
    at = numpy.flatnonzero(numpy.isfinite(pitch))
    return numpy.interp(numpy.arange(len(pitch)), at, pitch[at]) if len(at) else numpy.zeros(len(pitch))


def crops(voices, rng, count):
    frames = WARM + LENGTH
    weights = numpy.array([len(x) for _, x, _ in voices], float)
    sounds, pitches = [], []
    for v in rng.choice(len(voices), count, p=weights / weights.sum()):
        _, x, pitch = voices[v]
        last = min(len(x) // HOP - 4, len(pitch)) - frames
        at = int(rng.integers(0, last))
        gain = 10 ** rng.uniform(-0.4, 0.15)
        sounds.append(gain * x[at * HOP:(at + frames) * HOP + WINDOW - HOP])
        pitches.append(pitch[at:at + frames])
    return torch.tensor(numpy.array(sounds)), numpy.array(pitches)


def spectral_loss(made, wanted):
    total = 0.0
    for n in SIZES:
        window = torch.hann_window(n)
        a, b = (torch.stft(s, n, n // 4, window=window, center=False, return_complex=True).abs()
                / window.square().sum().sqrt() for s in (made, wanted))
        total = total + (torch.log(a + 1e-4) - torch.log(b + 1e-4)).abs().mean()
        total = total + (a - b).norm() / b.norm().clamp_min(1e-3)
    return total / len(SIZES)


def loss_of(net, sounds, pitches, rng):
    mel = network.log_mel(sounds)[:, :WARM + LENGTH]
    # The model draws its frames, and not quite as they should be.
    mel = mel + 0.04 * torch.randn_like(mel)
    known = torch.tensor(numpy.isfinite(pitches))
    true = torch.tensor(numpy.array([filled(p) for p in pitches]), dtype=torch.float32)
    pitch, harmonic, noise = net.frames(mel)
    made = net.sound(network.F0_HZ * 2 ** true, harmonic, noise)
    frames = WARM + LENGTH
    wanted = sounds[:, :frames * HOP]
    spectral = spectral_loss(made[:, WARM * HOP:], wanted[:, WARM * HOP:])
    off = torch.where(known, (pitch - true).abs().clamp_max(1), torch.zeros(()))[:, WARM:]
    cents = 1200 * off.sum() / known[:, WARM:].sum().clamp_min(1)
    return spectral, cents


def export(net, path, metadata):
    from safetensors.torch import save_file

    save_file({k: v.detach().contiguous() for k, v in net.state_dict().items()}, str(path), metadata)
    print(path, sum(p.numel() for p in net.parameters()), "numbers")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--bank", type=pathlib.Path, action="append", default=[])
    p.add_argument("--out", type=pathlib.Path, required=True)
    p.add_argument("--steps", type=int, default=6000)
    p.add_argument("--batch", type=int, default=12)
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--export", action="store_true")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    net, rng, step = network.vocoder(), numpy.random.default_rng(1), 0
    average = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), a.rate, betas=(0.9, 0.98), weight_decay=1e-3)
    saved = a.out / "checkpoint.pt"
    if saved.exists():
        kept = torch.load(saved)
        net.load_state_dict(kept["net"]), optimizer.load_state_dict(kept["optimizer"])
        step, average = kept["step"], kept["average"]
        rng = numpy.random.default_rng(step + 1)
    elif a.export:
        p.error(f"{saved} is not there: nothing was trained yet; call it without --export first")
    voices = [] if a.export else load(a.bank, a.out)
    if not voices and not a.export:
        p.error("--bank names no folder with voices; tools/scenarios/bank/README.md says how they are made")
    began, sums = time.time(), []
    while step < a.steps and not a.export:
        rate = a.rate * min(1, (step + 1) / 100) * min(1, (a.steps - step) / (0.6 * a.steps))
        for group in optimizer.param_groups:
            group["lr"] = rate
        spectral, cents = loss_of(net, *crops(voices, rng, a.batch), rng)
        optimizer.zero_grad()
        (spectral + cents / 300).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        for k, v in net.state_dict().items():
            average[k].lerp_(v, 1 - min(0.995, step / (step + 10)))
        sums.append((float(spectral.detach()), float(cents.detach())))
        if step % 50 == 0:
            s, c = numpy.mean(sums, 0)
            print(f"{step}: spectral {s:.4f}, pitch {c:.1f} cents, {time.time() - began:.0f} s", flush=True)
            with open(a.out / "losses.csv", "a") as out:
                out.write(f"{step},{s:.5f},{c:.2f}\n")
            sums = []
        if step % 200 == 0 or step == a.steps:
            part = saved.with_suffix(".part")
            torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step,
                        "average": average}, part)
            part.rename(saved)
    net.load_state_dict(average)
    export(net, a.out / "vocoder.safetensors", {"kind": "source_filter", "steps": str(step)})


if __name__ == "__main__":
    main()
