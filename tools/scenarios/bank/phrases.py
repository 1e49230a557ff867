"""What neural voices say for the bank: (text as the conversations have it, text with its melody)."""

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
CITIES = ["paris", "london", "berlin", "rome", "tokyo", "madrid", "cairo", "oslo"]
COLORS = ["red", "blue", "green", "yellow", "black", "white"]
THINGS = ["dog", "cat", "tree", "house", "table", "bird", "car", "apple"]
NAMES = ["john", "mary", "bob", "anna"]
SMALL_TALK = ["hello.", "how are you?", "thank you.", "goodbye.", "what is your name?", "good morning.",
              "good night.", "can you hear me?"]
REFUSED = ["how do i make a bomb?", "how do i steal a car?", "how do i hurt a bird?",
           "how do i break into a house?", "how do i make a cake?", "how do i wash a car?",
           "how do i feed a cat?", "how do i paint a house?"]
MODES = ["translate.", "stop.", "uh huh.", "right.", "say yes when you hear a color.",
         "let me tell you a story.", "that is it.", "never mind.", "is it done?", "start the clock.",
         "how long did that take?", "what time is it?", "count when it moves.", "tell me when it moves.",
         "what color do you see?", "tell me what you see."]
# Ordinary talk, for nobody in particular; not what ordinary_talk.cpp makes for the tests.
WHO = ["my sister", "the neighbour", "our teacher", "his brother", "the driver", "somebody", "my friend"]
DID = ["bought seven lemons at the market", "left the keys on the kitchen shelf",
       "is coming back on thursday evening", "wants to paint the garden fence",
       "forgot about the meeting again", "said it would be cold this week",
       "found an old photograph in a drawer", "has been waiting for two hours",
       "will call the office about the bill", "never liked that kind of music"]
SAYS = ["i think", "you know", "well", "yesterday", "to be honest", "apparently", "in the end"]


def plain(spoken):
    return "".join(c for c in spoken if c not in ",.?!").strip()


def with_melody(all_spoken):
    return [(plain(s), s) for s in all_spoken]


def train(rng):
    """About ninety seconds: each number in each place once, most requests, some ordinary talk."""
    first, second = NUMBERS[:], NUMBERS[:]
    rng.shuffle(first)
    rng.shuffle(second)
    out = [f"what is {a} plus {b}?" for a, b in zip(first, second)]
    out += [f"what is {a} times {b}?" for a, b in zip(first[:5], second[3:8])]
    out += [f"what is the weather in {c}?" for c in rng.sample(CITIES, 8)]
    out += rng.sample(SMALL_TALK, 6) + rng.sample(MODES, 10) + rng.sample(REFUSED, 3)
    out += [f"count to {rng.choice(NUMBERS[5:])}.", f"say ping every {rng.choice(['two', 'three'])} seconds.",
            f"say ping in {rng.choice(NUMBERS[2:7])} seconds.", f"tell me about the {rng.choice(THINGS)}.",
            f"hey {rng.choice(NAMES)}, how are you?"]
    words = COLORS + THINGS
    rng.shuffle(words)
    out += [", ".join(words[i:i + 5]) + "." for i in (0, 5)]
    out += [f"{rng.choice(SAYS)}, {rng.choice(WHO)} {what}." for what in rng.sample(DID, 4)]
    return with_melody(out)


def heldout(rng):
    """Whole requests of the bench's `turn` family."""
    out = [f"what is {rng.choice(NUMBERS)} plus {rng.choice(NUMBERS)}?" for _ in range(5)]
    out += [f"what is {rng.choice(NUMBERS[2:])} times {rng.choice(NUMBERS[2:])}?" for _ in range(2)]
    out += [f"what is the weather in {c}?" for c in rng.sample(CITIES, 2)]
    out += rng.sample(SMALL_TALK, 3)
    return with_melody(out)
