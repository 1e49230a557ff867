"""table.py with the matching planner and an endpoint that never calls: `table_test.py HOCKET FOLDER`.

Two of ten requests want no call, so that who never calls passes 0.20 of them.
"""

import http.server
import json
import os
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))


class Endpoint(http.server.BaseHTTPRequestHandler):
    asked = []

    def do_POST(self):
        Endpoint.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        data = json.dumps({"choices": [{"message": {"role": "assistant", "content": "I do not know."},
                                        "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def main():
    hocket, folder = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    table = [sys.executable, os.path.join(HERE, "table.py"), "--hocket", hocket, "--cases", "20", "--out", folder,
             "--base-url", f"http://127.0.0.1:{server.server_port}/v1", "match", "endpoint"]
    for name in ("match.20.json", "endpoint.20.json"):
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))
    first = subprocess.run(table, capture_output=True, text=True)
    rows = [line for line in first.stdout.splitlines() if line.startswith("| ")]
    asked = len(Endpoint.asked)
    again = subprocess.run(table, capture_output=True, text=True)
    server.shutdown()
    wanted = "| endpoint | 20 | 0.00 | 0.00 | 0.20 | 0.00 | 0.00 |"
    good = first.returncode == 0 and wanted in rows and any(r.startswith("| match | 20 | 0.") for r in rows)
    good = good and asked >= 20 and all(body.get("tools") for body in Endpoint.asked)
    good = good and again.stdout == first.stdout and len(Endpoint.asked) == asked  # what is there stays
    if not good:
        print(first.stdout, first.stderr, again.stdout, asked, sep="\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
