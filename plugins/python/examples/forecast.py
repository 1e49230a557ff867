"""A tool and a component: what the assistant of forecast.yaml asks."""

import re
from typing import Annotated, Any

import hocket

# Canned: an example reaches no network. With `network = True` it could.
_SKY = {"london": "rain and eleven degrees", "madrid": "sunny and thirty degrees"}


class Forecast(hocket.Tool):
    """Tells tomorrow's weather in a town."""

    time_limit_ms = 2000

    def call(self, town: Annotated[str, "name of the town"]) -> str:
        sky = _SKY.get(town.strip().lower())
        if sky is None:
            raise LookupError(f"no forecast for {town}")
        return f"{town.title()}: {sky}"

    def arguments_for(self, task: str) -> dict[str, Any] | None:
        """For `planner: match`: "weather in London"."""
        found = re.search(r"\bweather in (\w+)", task, re.IGNORECASE)
        return {"town": found.group(1)} if found else None


class Ask(hocket.Component):
    """Hands each line to the background: stands for a model that delegates."""

    inputs = {"words": hocket.port(hocket.Text, "lines")}
    outputs = {"delegations": hocket.port(hocket.Delegation)}
    asked = 0

    def process(self, port: str, packet: hocket.Packet) -> None:
        self.asked += 1
        self.emit("delegations", hocket.Delegation(packet.payload.value, request=self.asked))
