"""What `hocket bench python` measures."""

import hocket


class Relay(hocket.Component):
    """Looks at the first number and sends on what came."""

    inputs = {"in": hocket.port(hocket.Tensor, element="u8")}
    outputs = {"out": hocket.port(hocket.Tensor, element="u8")}
    seen = 0

    def process(self, port: str, packet: hocket.Packet) -> None:
        self.seen += int(packet.payload.data[0])
        self.emit("out", packet.payload)
