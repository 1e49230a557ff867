"""Components and tools for Hocket graphs, in Python.

A class that derives from `Component` is a type that a graph names `python.<module>.<Class>`; a class
that derives from `Tool` is a tool that a graph names by its name. Both run in a process of their own,
confined by the kernel.
"""

import sys

if sys.version_info < (3, 11):  # before anything that older ones cannot read
    sys.stderr.write(
        "hocket needs Python 3.11 or newer, and %s is %d.%d: name another one with HOCKET_PYTHON\n"
        % (sys.executable, sys.version_info[0], sys.version_info[1])
    )
    sys.exit(3)

from hocket.component import Component, Context, Packet, Set, Tool
from hocket.config import setting
from hocket.harness import ComponentError, Harness, ToolHarness
from hocket.payloads import (
    Adapter,
    Audio,
    Control,
    Delegation,
    Tensor,
    Text,
    ToolCall,
    ToolResult,
    TrainingExample,
    Video,
)
from hocket.ports import Port, port

__version__ = "0.1.0"
__all__ = [
    "Adapter", "Audio", "Component", "ComponentError", "Context", "Control", "Delegation", "Harness",
    "Packet", "Port", "Set", "Tensor", "Text", "Tool", "ToolCall", "ToolHarness", "ToolResult",
    "TrainingExample", "Video", "port", "setting",
]
