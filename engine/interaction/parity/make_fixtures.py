"""Makes inputs.safetensors: what Hugging Face transformers makes of sound and of a picture before
Inkling's decoder, with tiny random towers, in fp32 on a CPU.

    python3 -m venv venv && venv/bin/pip install torch torchvision transformers safetensors numpy scipy
    venv/bin/python make_fixtures.py

Sound and picture come from integer arithmetic that the test repeats. Weights (bfloat16; the fp32
computation uses exactly these numbers) bear their published names; `parity.*` are results. The
metadata holds the sizes, and folds that the planner chooses for other sizes.
"""

import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file
from transformers.models.inkling import modeling_inkling as m
from transformers.models.inkling.configuration_inkling import InklingAudioConfig, InklingVisionConfig
from transformers.models.inkling.feature_extraction_inkling import InklingFeatureExtractor

WIDTH, PATCH, FRAMES, LAYERS, LEVELS = 24, 6, 2, 3, 16


def numbers(count):
    """Non-negative integers below 2^16 of a linear congruential generator."""
    state, out = 12345, []
    for _ in range(count):
        state = (1103515245 * state + 12345) % 2**31
        out.append(state >> 15)
    return out


def sound():
    """0.63 s, not a whole number of frames: noise under a stepped envelope."""
    return torch.tensor([(v - 32768) // [1024, 64, 4, 1, 16][i // 1700 % 5] / 32768.0
                         for i, v in enumerate(numbers(10100))], dtype=torch.float32)


def randomise(model, generator):
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        value = 1 + 0.2 * noise if "norm" in name else noise / p.shape[-1] ** 0.5
        p.data.copy_(value.bfloat16().float())


def plan(patch, frames, layers):
    config = InklingVisionConfig(patch_size=patch, temporal_patch_size=frames, text_hidden_size=4096)
    scales = m.plan_out_scales(frames, patch, layers, 3).tolist()
    folds = []
    for i, (a, b) in enumerate(zip(scales, scales[1:])):
        t, s = b[0] // a[0], b[1] // a[1]
        folds.append([t, s, a[3] * t * s * s, config.text_hidden_size if i == layers - 1 else b[3]])
    return {"patch": patch, "frames": frames, "layers": layers, "folds": folds}


def main():
    generator = torch.Generator().manual_seed(7)
    audio = m.InklingAudioModel(InklingAudioConfig(mel_vocab_size=LEVELS, text_hidden_size=WIDTH)).eval()
    vision = m.InklingVisionModel(InklingVisionConfig(
        text_hidden_size=WIDTH, patch_size=PATCH, temporal_patch_size=FRAMES, num_hidden_layers=LAYERS)).eval()
    randomise(audio, generator), randomise(vision, generator)
    mel = InklingFeatureExtractor()([sound().numpy()], sampling_rate=16000, return_tensors="pt")["input_features"]
    centres = torch.linspace(-7, 2, LEVELS, dtype=torch.float64).float()  # as InklingProcessor
    frames = (mel[0].clamp(-7, 2).unsqueeze(-1) - centres).abs().argmin(-1)
    height, width = 14, 15
    pixels = torch.tensor([v % 256 for v in numbers(height * width * 3)], dtype=torch.uint8)
    from transformers.models.inkling.image_processing_inkling import InklingImageProcessor
    cut = InklingImageProcessor(size={"height": PATCH, "width": PATCH})(
        pixels.view(height, width, 3).permute(2, 0, 1), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        heard = audio(frames).last_hidden_state
        seen = vision(cut.float()).last_hidden_state[:, 0]
    out = {"model.audio.encoder.weight": audio.embed_audio_tokens.embed_audio_tokens.weight,
           "model.audio.final_norm.weight": audio.norm.weight,
           "model.visual.final_norm.weight": vision.final_norm.weight}
    for i, layer in enumerate(vision.encoder_layers):
        out[f"model.visual.layers.linear_{i}.weight"] = layer.projection.weight
        if layer.add_norm:
            out[f"model.visual.layers.norm_{i}.weight"] = layer.layer_norm.weight
    out = {k: v.detach().bfloat16().contiguous() for k, v in out.items()}
    out |= {"parity.frames": frames.to(torch.uint8), "parity.heard": heard, "parity.patches": cut.float(),
            "parity.seen": seen}
    plans = [plan(*sizes) for sizes in
             [(40, 2, 4), (40, 2, 1), (40, 2, 3), (40, 2, 5), (40, 2, 6), (40, 2, 9), (40, 2, 24),
              (16, 1, 3), (14, 2, 2), (20, 4, 4), (6, 2, 3)]]
    sizes = dict(width=WIDTH, patch=PATCH, patch_frames=FRAMES, layers=LAYERS, height=height, picture_width=width)
    path = pathlib.Path(__file__).parent / "inputs.safetensors"
    save_file({k: v.contiguous() for k, v in out.items()}, path,
              {"sizes": json.dumps(sizes), "plans": json.dumps(plans), "transformers": transformers.__version__})
    print(path.stat().st_size, "bytes;", frames.shape, seen.shape)


if __name__ == "__main__":
    main()
