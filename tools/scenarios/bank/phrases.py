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
ALWAYS = ["stop.", "translate.", "uh huh."]
MODES = ["right.", "say yes when you hear a color.",
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

TALK = ["the meeting was moved to thursday afternoon.", "have you seen my reading glasses anywhere?",
        "we ran out of milk again this morning.", "she said the train was twenty minutes late.",
        "turn left after the bridge and then go straight on.", "i really should call my mother tonight.",
        "that film was much longer than i expected.", "could you bring an umbrella, just in case?",
        "they are building a new school behind the station.", "my phone is almost out of battery.",
        "the recipe needs two onions and a little salt.", "nobody told me the office was closed today.",
        "prices have gone up quite a lot since last year.", "he plays the trumpet in a small orchestra.",
        "please put the boxes next to the door.", "are you coming to the party on saturday?",
        "the doctor says i should walk more often.", "it was raining so hard that we stayed inside.",
        "i left my wallet in the other jacket.", "what did they say about the contract?",
        "our flight leaves at half past six.", "the coffee machine is broken again.",
        "remember to water the plants while we are gone.", "he never answers his messages before noon.",
        "traffic was terrible on the way back.", "you have to press the button and hold it.",
        "in other news, the minister visited the flooded villages.", "stocks fell slightly on monday.",
        "the home team scored four minutes before the end.", "temperatures will drop during the night.",
        "that was a song from their second album.", "call now and receive a free brochure.",
        "no, i told him it would not fit through the window.", "well, let us talk about it tomorrow.",
        "she studied chemistry before she became a lawyer.", "do you want chicken or fish for dinner?",
        "the children are playing in the yard.", "i think the red one looks better on you.",
        "hang on, somebody is at the door.", "we used to live above a bakery.",
        "this chapter explains how glaciers are formed.", "open your books at page forty, please.",
        "sorry, i thought you were somebody else.", "it costs nine hundred a month without heating.",
        "the dog barked at the postman all morning.", "wait for me, i only need a minute.",
        "can you hold this for a second?", "they finally sold the house by the lake.",
        "he counted the chairs and there were ten.", "i would rather stay at home this weekend."]


def plain(spoken):
    return "".join(c for c in spoken if c not in ",.?!").strip()


def with_melody(all_spoken):
    return [(plain(s), s) for s in all_spoken]


def train(rng):
    """Some seventy sentences: each number in each place once and alone, most requests, ordinary talk."""
    first, second = NUMBERS[:], NUMBERS[:]
    rng.shuffle(first)
    rng.shuffle(second)
    out = [f"what is {a} plus {b}?" for a, b in zip(first, second)]
    out += [f"what is {a} times {b}?" for a, b in zip(first[:5], second[3:8])]
    out += [f"what is the weather in {c}?" for c in rng.sample(CITIES, 8)]
    out += [f"{n}." for n in NUMBERS] + ALWAYS
    out += rng.sample(SMALL_TALK, 6) + rng.sample(MODES, 8) + rng.sample(REFUSED, 3)
    out += [f"count to {rng.choice(NUMBERS[5:])}.", f"say ping every {rng.choice(['two', 'three'])} seconds.",
            f"say ping in {rng.choice(NUMBERS[2:7])} seconds.", f"tell me about the {rng.choice(THINGS)}.",
            f"hey {rng.choice(NAMES)}, how are you?"]
    words = COLORS + THINGS
    rng.shuffle(words)
    out += [", ".join(words[i:i + 5]) + "." for i in (0, 5)]
    out += [f"{rng.choice(SAYS)}, {rng.choice(WHO)} {what}." for what in rng.sample(DID, 2)]
    out += rng.sample(TALK, 8)
    return with_melody(out)


def heldout(rng):
    """Whole requests of the bench's `turn` family."""
    out = [f"what is {rng.choice(NUMBERS)} plus {rng.choice(NUMBERS)}?" for _ in range(5)]
    out += [f"what is {rng.choice(NUMBERS[2:])} times {rng.choice(NUMBERS[2:])}?" for _ in range(2)]
    out += [f"what is the weather in {c}?" for c in rng.sample(CITIES, 2)]
    out += rng.sample(SMALL_TALK, 3)
    return with_melody(out)
