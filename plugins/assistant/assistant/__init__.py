"""Parts of an assistant for people: hears, writes down, takes turns, thinks aloud, speaks.

Nothing here needs more than Python until a part opens: `tools/setup --assistant` brings the rest.
"""

from assistant.ears import Ears
from assistant.recogniser import Recogniser
from assistant.talk import Talk
from assistant.timing import Timing
from assistant.voice import Voice

__all__ = ["Ears", "Recogniser", "Talk", "Timing", "Voice"]
