"""An OpenAI-compatible endpoint that answers by a script, and misbehaves where it is told to.

It plays a model that thinks: it searches, reads the page that was found, works sums out, and answers in a
sentence or two. No figure of a model comes from it.
"""

import http.server
import json
import re
import ssl
import threading

NUMBERS = {"seven": 7, "eight": 8, "nine": 9}


def decide(messages):
    """The next turn for a list of messages: ("call", name, arguments) or ("say", text)."""
    last = max(i for i, m in enumerate(messages) if m["role"] == "user")
    task = messages[last]["content"].rsplit("The request: ", 1)[-1]
    results = [m["content"] for m in messages[last:] if m["role"] == "tool"]
    numbers = [NUMBERS.get(w, w) for w in task.split() if w in NUMBERS or w.isdigit()]
    if len(numbers) == 2:
        if not results:
            return "call", "calculator", {"expression": f"{numbers[0]} * {numbers[1]}"}
        return "say", "It is " + re.findall(r"\d+", results[0])[0] + "."
    if not results:
        return "call", "web_search", {"query": task}
    if len(results) == 1:
        found = re.findall(r"http://\S+", results[0])
        return ("call", "web_fetch", {"url": found[0]}) if found else ("say", "I found no page.")
    name = re.search(r"name is (\w+)", results[1])
    if name:
        return "say", f"{name[1]}. He is brown, and loves long walks at the lake."
    weather = re.search(r"weather in (\w+) is (\w+)", results[1])
    return "say", f"It is {weather[2]} in {weather[1]}." if weather else "The page does not say it."


class Endpoint:
    """`moods`: by a word of the task, what goes wrong with it; each mood is used once per request or always.

    `asked`: bodies of all requests; `keys`: their Authorization headers."""

    def __init__(self, moods=None, certificate=None):
        self.moods, self.asked, self.keys = dict(moods or {}), [], []
        self.over = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                outer.keys.append(self.headers.get("Authorization"))
                outer.answer(self, body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        scheme = "http"
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def mood_of(self, body):
        last = [m for m in body["messages"] if m["role"] == "user"][-1]["content"]
        for word, moods in self.moods.items():
            if word in last and moods:
                return moods.pop(0) if isinstance(moods, list) else moods
        return ""

    def answer(self, to, body):
        mood = self.mood_of(body)
        if mood.startswith("status "):
            _, status, *after = mood.split()
            return self.whole(to, int(status), json.dumps({"error": {"message": "slow down"}}),
                              {"Retry-After": after[0]} if after else {})
        if mood == "garbage":
            return self.whole(to, 200, "<html>please log in</html>", {}, "text/html")
        if mood == "slow":
            self.over.wait(600)
            return None
        to.send_response(200)
        to.send_header("Content-Type", "text/event-stream")
        to.send_header("Connection", "close")
        to.end_headers()
        to.close_connection = True
        kind, *what = decide(body["messages"])
        if mood == "breaks":
            kind, what = "say", ["It seems that the"]
        if kind == "call":
            call = {"index": 0, "id": f"c{len(self.asked)}", "type": "function",
                    "function": {"name": what[0], "arguments": ""}}
            self.event(to, {"tool_calls": [call]})
            for piece in re.findall(r".{1,7}", json.dumps(what[1])):
                self.event(to, {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        else:
            for piece in re.findall(r"\s*\S+", what[0]):
                self.event(to, {"content": piece})
        if mood == "breaks":
            return None
        self.event(to, {}, "tool_calls" if kind == "call" else "stop")
        to.wfile.write(b"data: [DONE]\n\n")
        return None

    @staticmethod
    def event(to, delta, finish=None):
        line = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        to.wfile.write(f"data: {json.dumps(line)}\n\n".encode())
        to.wfile.flush()

    @staticmethod
    def whole(to, status, text, headers, kind="application/json"):
        data = text.encode()
        to.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(data)

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
