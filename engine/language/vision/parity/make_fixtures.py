"""Makes what vision_tower.test.cpp compares with: what Hugging Face transformers makes of pictures with tiny
random towers of Inkling 2, in fp32 on a CPU, and the headers of towers of the published sizes.

    python3 -m venv venv && venv/bin/pip install torch torchvision transformers safetensors numpy
    venv/bin/python make_fixtures.py

NAME.safetensors: weights (bfloat16; the fp32 computation uses exactly these numbers) under their published
names, and `parity.N.pieces`, `parity.N.seen` of pictures whose pixels come from integer arithmetic that the
test repeats; the metadata holds config.json, the pictures' sizes and the version of transformers.
published_sizes.json: names and shapes of the towers of Inkling 2 Small and of the Mini, as transformers
saves them, with their configs.
"""

import json
import pathlib
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.core_model_loading import revert_weight_conversion
from transformers.models.inkling2.image_processing_inkling2 import Inkling2ImageProcessor

HERE = pathlib.Path(__file__).parent
TEXT = dict(vocab_size=96, unpadded_vocab_size=90, num_attention_heads=1, num_key_value_heads=1, head_dim=8,
            swa_num_attention_heads=1, swa_num_key_value_heads=1, swa_head_dim=8, sliding_window_size=8, d_rel=2,
            rel_extent=5, num_experts_per_tok=1, n_routed_experts=2, moe_intermediate_size=8, num_hidden_layers=1,
            layer_types=["hybrid"], pad_token_id=None)
TOWERS = {"tower": dict(hidden_size=32, num_attention_heads=2, num_hidden_layers=3, patch_size=4,
                        spatial_merge_size=2, posemb_grid_size=5, projection_hidden_dim=24, text_hidden_size=20),
          "tower_biased": dict(hidden_size=24, num_attention_heads=3, num_hidden_layers=2, patch_size=3,
                               intermediate_size=40, spatial_merge_size=3, posemb_grid_size=8,
                               projection_hidden_dim=16, projector_bias=True, text_hidden_size=12)}
PICTURES = [(13, 21), (8, 8), (40, 9)]  # height, width; the first and the last are no whole pieces


def pixels(height, width):
    """8-bit numbers of a linear congruential generator, [3, height, width]."""
    state, out = 12345, []
    for _ in range(height * width * 3):
        state = (1103515245 * state + 12345) % 2**31
        out.append((state >> 15) % 256)
    return torch.tensor(out, dtype=torch.uint8).view(height, width, 3).permute(2, 0, 1)


def whole(text, vision):
    """The whole model, which alone saves the tower under its published names."""
    t = transformers
    config = t.Inkling2Config(text_config=t.Inkling2TextConfig(**TEXT, hidden_size=text).to_dict(),
                              vision_config=vision)
    return t.Inkling2ForConditionalGeneration._from_config(config, attn_implementation="eager").float().eval()


def randomise(tower, generator):
    """Numbers that bfloat16 holds, at which every part matters."""
    for name, p in tower.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            value = 1 + 0.2 * noise
        elif "lambda" in name:
            value = 0.7 + 0.2 * noise
        elif "embed" in name and "patch" not in name:
            value = noise
        elif p.dim() == 1:
            value = 0.3 * noise
        else:
            value = 1.5 * noise / p.shape[-1] ** 0.5
        p.data.copy_(value.bfloat16().float())


def saved(model):
    """The tower's tensors under their published names, and config.json."""
    with tempfile.TemporaryDirectory() as folder:
        model.bfloat16().save_pretrained(folder)
        config = json.loads(pathlib.Path(folder, "config.json").read_text())
        tensors = load_file(folder + "/model.safetensors")
    return {k: v for k, v in sorted(tensors.items()) if k.startswith("model.visual.")}, config


def make(name, sizes):
    model = whole(sizes["text_hidden_size"], sizes)
    tower = model.model.vision_tower
    randomise(tower, torch.Generator().manual_seed(7))
    side = sizes["patch_size"] * sizes["spatial_merge_size"]
    processor = Inkling2ImageProcessor(size={"height": side, "width": side})
    out = {}
    for i, (height, width) in enumerate(PICTURES):
        cut = processor(pixels(height, width), return_tensors="pt")
        with torch.no_grad():
            seen = tower(cut["pixel_values"].float(), cut["image_grid_thw"]).pooler_output
        if i == 0:
            out["parity.0.pieces"] = cut["pixel_values"].float().contiguous()
        out[f"parity.{i}.seen"] = seen.contiguous()
        print(name, (height, width), cut["image_grid_thw"].tolist(), f"std {seen.std():.3f}")
    tensors, config = saved(model)
    out |= {k: v.contiguous() for k, v in tensors.items()}
    path = HERE / f"{name}.safetensors"
    save_file(out, path, {"config": json.dumps(config), "pictures": json.dumps(PICTURES),
                          "transformers": transformers.__version__})
    print(path.name, path.stat().st_size, "bytes")


def published_sizes():
    """Towers at their default sizes, whose numbers are never made: of Inkling 2 Small, and of the Mini, whose
    decoder is half as wide."""
    out = {}
    for name, width in (("inkling2", 4608), ("inkling2_mini", 2304)):
        with torch.device("meta"):
            model = whole(width, transformers.Inkling2Config().vision_config.to_dict() | dict(text_hidden_size=width))
        tensors = revert_weight_conversion(model, model.state_dict())
        headers = {k: list(v.shape) for k, v in sorted(tensors.items()) if k.startswith("model.visual.")}
        out[name] = {"vision_config": model.config.vision_config.to_dict(), "shapes": headers}
    text = json.dumps(out, separators=(",", ":"))
    (HERE / "published_sizes.json").write_text(text + "\n")
    print("published_sizes.json", len(text), "bytes")


if __name__ == "__main__":
    for each, of in TOWERS.items():
        make(each, of)
    published_sizes()
