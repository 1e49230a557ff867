#!/usr/bin/env python3
"""Writes dequantize_fixture.gguf and its numbers, computed by the format's own Python package.

Needs PyPI gguf (0.17 or newer) and numpy. Usage: python3 make_dequantize_fixture.py [FOLDER]
Each type: three rows of 256 numbers in random bytes (every bit pattern of scales and numbers may
occur; half-precision scales are kept finite), and what gguf.quants.dequantize makes of them,
as F32 tensors named `<TYPE>.expected`.
"""
import os
import sys

import gguf
import numpy as np
from gguf.quants import dequantize

TYPES = "F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4".split()
# Where the half-precision scales of a block lie.
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0],
          "IQ4_XS": [0], "F16": [0]}
ROWS, COLUMNS = 3, 256


def blocks_of(name, random):
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    raw = random.integers(0, 256, (ROWS * COLUMNS // elements, size), dtype=np.uint8)
    for at in HALVES.get(name, []):
        half = random.normal(0, 0.5, len(raw)).astype(np.float16)
        half[::5] = np.float16(3e-6)  # subnormal
        raw[:, at:at + 2] = half.view(np.uint8).reshape(-1, 2)
    if name == "MXFP4":
        raw[:, 0] = random.integers(0, 140, len(raw))
        raw[0, 0], raw[1, 0], raw[2, 0] = 0, 1, 2
    if name == "BF16":
        raw = (random.normal(0, 1, ROWS * COLUMNS).astype(np.float32).view(np.uint32) >> 16).astype(
            np.uint16).view(np.uint8)
    return kind, raw.reshape(ROWS, -1)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    random = np.random.default_rng(20261128)
    out = gguf.GGUFWriter(os.path.join(folder, "dequantize_fixture.gguf"), "llama")
    out.add_uint32("fixture.rows", ROWS)
    out.add_array("fixture.types", TYPES)
    out.add_array("fixture.numbers", [1.5, -2.0])
    for name in TYPES:
        kind, raw = blocks_of(name, random)
        expected = dequantize(raw, kind).astype(np.float32).reshape(ROWS, COLUMNS)
        out.add_tensor(name, raw, raw_dtype=kind)
        out.add_tensor(name + ".expected", expected)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main()
