"""The reference servers: what each is started with, asked, and has to say."""

import http.server
import json
import os
import subprocess
import sys
import threading

PAGE = "<html><head><title>Larks</title></head><body><p>The skylark sings while it flies.</p></body></html>"


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/lark"
        data = PAGE.encode() if found else b"not here"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html" if found else "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def git_repository(folder):
    """A repository with one commit."""
    os.makedirs(folder)
    git = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    with open(os.path.join(folder, "a.txt"), "w", encoding="utf-8") as f:
        f.write("a\n")
    subprocess.run([*git, "add", "a.txt"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "the first commit"], check=True)
    return folder


def npm_server(modules, name):
    return os.path.join(modules, "@modelcontextprotocol", "server-" + name, "dist", "index.js")


def table(node, modules, made, work, port):
    """name: (options of the sandbox, program, [(tool, arguments, what the answer holds)])."""
    files = os.path.join(work, "files")
    os.makedirs(files)
    repository = git_repository(os.path.join(work, "repository"))
    reads = ["--reads", modules, "--reads", os.path.dirname(node)]
    own = ["--runs", made]
    if not sys.base_prefix.startswith("/usr"):  # the environment's Python is not the system's
        own += ["--runs", os.path.realpath(sys.base_prefix)]
    settings = ["--reads", "/etc/gitconfig"] if os.path.exists("/etc/gitconfig") else []  # git reads it or fails
    memory = os.path.dirname(npm_server(modules, "memory"))
    entity = {"name": "lark", "entityType": "bird", "observations": ["sings in flight"]}
    written = os.path.join(files, "note.txt")
    return {
        "everything": (reads, [node, npm_server(modules, "everything")],
                       [("echo", {"message": "hello there"}, "hello there"),
                        ("get-sum", {"a": 2, "b": 40}, "42")]),
        "filesystem": ([*reads, "--writes", files], [node, npm_server(modules, "filesystem"), files],
                       [("write_file", {"path": written, "content": "kept"}, "note.txt"),
                        ("read_text_file", {"path": written}, "kept"),
                        ("read_text_file", {"path": "/etc/hostname"}, "denied")]),
        "memory": ([*reads, "--writes", memory], [node, npm_server(modules, "memory")],
                   [("create_entities", {"entities": [entity]}, "lark"), ("read_graph", {}, "sings in flight"),
                    ("delete_entities", {"entityNames": ["lark"]}, "deleted")]),
        "time": (own, [os.path.join(made, "bin", "mcp-server-time"), "--local-timezone", "UTC"],
                 [("get_current_time", {"timezone": "Asia/Tokyo"}, "Tokyo"),
                  ("convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"},
                   "21:00")]),
        "fetch": ([*own, "--network", "*", "--environment", "TMPDIR", "--writes", work], [os.path.join(made, "bin", "mcp-server-fetch"), "--ignore-robots-txt",
                                                 "--allow-private-ips"],
                  [("fetch", {"url": f"http://127.0.0.1:{port}/lark"}, "skylark sings")]),
        "git": ([*own, "--reads", repository, *settings], [os.path.join(made, "bin", "mcp-server-git")],
                [("git_log", {"repo_path": repository}, "the first commit"),
                 ("git_status", {"repo_path": repository}, "clean")]),
    }


def wrong(client, options, program, calls, work):
    """What is wrong with a server's answers, and nothing where all is right."""
    words = [client, *options]
    for tool, arguments, _ in calls:
        words += ["--call", tool, json.dumps(arguments)]
    done = subprocess.run([*words, "--", *program], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "TMPDIR": work})
    if done.returncode:
        return f"ended with {done.returncode}: {done.stderr[-1500:]}"
    # Its answers follow the list of its tools, in the order of the calls.
    rest = done.stdout
    for tool, _, holds in calls:
        _, found, rest = rest.partition(f"{tool} -> ")
        answer = rest.split(" -> ")[0]
        if not found or holds not in answer:
            return f"{tool} did not answer `{holds}`: {answer[:500]!r} {done.stderr[-500:]}"
    return ""


def run_all(client, node, modules, made, work):
    """How many servers answered as wanted, and how many did not; prints one line each."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    failed = 0
    everything = table(node, modules, made, work, server.server_port)
    for name, (options, program, calls) in everything.items():
        what = wrong(client, options, program, calls, work)
        failed += what != ""
        print(f"{'FAILED' if what else 'passed'}: server {name}: {what or f'{len(calls)} calls'}", flush=True)
    server.shutdown()
    return len(everything) - failed, failed
