"""Parts that say again what they heard, wherever a part can say something."""

import sys

import hocket


class Parrot(hocket.Component):
    """Logs, counts, prints and fails with the words of each packet."""

    inputs = {"words": hocket.port(hocket.Text)}
    outputs = {"words": hocket.port(hocket.Text), "delegations": hocket.port(hocket.Delegation)}
    heard = 0

    def process(self, port, packet):
        said = packet.payload.value
        self.heard += 1
        self.log(f"heard: {said}")
        self.count(said.split()[-1])
        sys.stderr.write(f"no way to say {said}\n")
        self.emit("words", packet.payload)
        self.emit("delegations", hocket.Delegation(said, request=self.heard))
        if self.heard == 2:
            raise ValueError(f"cannot say `{said}`")


class Echo(hocket.Tool):
    """Fails with what it was asked."""

    def call(self, words: str) -> str:
        raise RuntimeError(f"no answer to {words}")

    def arguments_for(self, task):
        return {"words": task}
