"""How checks call build/hocket."""

import os
import subprocess

from common import skipped

BUILD = os.environ.get("HOCKET_BUILD", "build")


def program(root):
    path = os.path.join(root, BUILD, "hocket")
    if not os.path.exists(path):
        raise skipped(f"no {BUILD}/hocket yet: build first")
    return path


def call(root, *arguments, limit_s=300):
    """(exit code, output) of build/hocket in the tree's root."""
    out = subprocess.run([program(root), *arguments], cwd=root, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit_s)
    return out.returncode, out.stdout
