#!/usr/bin/env python3
"""Writes domain.gram, the grammar of PocketSphinx for the cascade's domain.

    python3 configs/models/cascade/make_grammar.py > configs/models/cascade/domain.gram

PocketSphinx 5prealpha takes weights on words only (on a rule it ignores them, silently), adds their
logarithm as it is, and does not normalise. So each alternative that is short or free, and would fit
any sound a little, carries its cost on its words. The costs were chosen on training voices.
"""

WIDTH = 96
COST_BEGUN, COST_REST, COST_FREE, COST_CLAUSE = 10, 20, 24, 16  # decimal exponents, per first word

NUMBERS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
           "fifteen sixteen seventeen eighteen nineteen twenty").split()
COLORS = "red blue green yellow black white".split()
NOUNS = "dog cat tree house table bird car apple".split()
CITIES = "paris london berlin rome tokyo madrid cairo oslo".split()
NAMES = "john mary bob anna".split()
OWN_NAMES = "hocket computer".split()

# The first part of a request that a pause cut in two.
BEGUN = """what, what is, what is <number>, what is <number> <sign>, what is the, what is the weather,
what is the weather in, what is the name, what is the name of, what is the name of the, what time,
what time is, how, how long, how long did, how long did that, how do, how do i, count, count to, say,
say ping, say ping every, say ping every <number>, say yes, say yes when, say yes when you,
say yes when you hear, say yes when you hear a, tell me, tell me about, tell me about the, let me,
let me tell you, start the, never, can you"""

# The second part.
REST = """is, is <number>, is <number> <sign>, is <number> <sign> <number>, plus <number>,
times <number>, minus <number>, is the weather in <city>, the weather in <city>, weather in <city>,
in <city>, time is it, is it, are you, is your name, your name, name, you hear me, hear me, morning,
night, you, the name of the <noun>, name of the <noun>, of the <noun>, the <noun>, did that take,
that take, take, do i <deed>, to <number>, ping every <number> seconds, every <number> seconds,
seconds, yes when you hear a color, when you hear a color, you hear a color, hear a color, a color,
me about the <noun>, about the <noun>, the clock, clock, mind,
and what is <number> <sign> <number>, and <city>"""

# A request that goes on: "and" is easily heard in the breath behind a word.
GOES_ON = "what is <number> <sign> <number> and, what is the weather in <city> and"

GRAMMAR = """#JSGF V1.0;
// What a person says in this domain, whole or broken off anywhere: an utterance ends where a pause
// is long, and the rest of the request is then an utterance of its own.
// Written by make_grammar.py, which says why the weights stand where they do.
grammar domain;

public <utterance> = <request> | <corrected> | <begun> | <goes_on> | <rest> | <clause>
                   | {w6} uh <request>
                   | {w4} hey <name> [<request> | <begun>]
                   | <free_number> [<sign> [<number>]]
                   | <free_number> seconds
                   | <numbers> | <things> | <free_city>;

<request> = <errand>
          | count to <number>
          | say ping (every | in) <number> seconds
          | translate | stop
          | say yes when you hear a color
          | hello | how are you | thank you | goodbye | what is your name
          | good morning | good night | can you hear me | uh huh | right
          | what is the weather in <city> [<city>] and <city>
          | <errand> and <errand> [and <errand>]
          | what is the name of the <noun>
          | tell me about the <noun>
          | let me tell you a story | that is it
          | start the clock | how long did that take
          | never mind | is it done
          | {w12} spell <word>
          | how do i <deed>;
<errand> = what is <number> <sign> <number> | what is the weather in <city> | what time is it;
<sign> = plus | times | {w3} minus;
<deed> = make a (bomb | cake) | steal a car | hurt a <animal> | break into a house | wash a car
       | feed a <animal> | paint a house;
<animal> = dog | cat | bird;

<corrected> = what is <number> <sign> <number> <no> <number>
            | what is the weather in <city> <no> <city>
            | <no> <number> | <no> <city> | <no> <number> <sign> <number> | <no> <errand>;
<no> = {w3} no | {w5} sorry | {w5} i mean;

{begun}
{goes_on}

{rest}

// Words one after the other, as for a translator.
<numbers> = <free_number>+ [{w3} stop];
<things> = <free_thing>+;
{free_number}
{free_thing}
{free_city}

// Sentences of a person's story.
<clause> = ({wc} and then (<name> | the <animal>)
            | <someone>
            | {wc} the <animal>)
           (saw a <color> <noun> | went to (<city> | the <place>) | was (fine | <color>));
{someone}
<place> = house | tree | table | car;
<word> = <noun> | <color> | <city> | <name>;
{name}
{color}
{noun}
{city}
{number}
"""


def cost(exponent):
    """A weight of 10^-exponent; the lexer knows no exponents."""
    return "/0." + "0" * (exponent - 1) + "1/"


def rule(name, phrases, exponent=0):
    """One rule with its alternatives, wrapped; each begins with the cost."""
    prefix = cost(exponent) + " " if exponent else ""
    lines, line = [], f"<{name}> ="
    indent = " " * (len(line) - 1)
    for index, phrase in enumerate(phrases):
        part = (" | " if index else " ") + prefix + " ".join(phrase.split())
        if len(line) + len(part) > WIDTH:
            lines.append(line)
            line = indent
        line += part
    return "\n".join(lines + [line]) + ";"


def main():
    fields = {f"w{n}": cost(n) for n in (3, 4, 5, 6, 12)}
    print(GRAMMAR.format(
        begun=rule("begun", BEGUN.split(","), COST_BEGUN),
        goes_on=rule("goes_on", GOES_ON.split(","), COST_REST),
        rest=rule("rest", REST.split(","), COST_REST),
        free_number=rule("free_number", NUMBERS, COST_FREE),
        free_thing=rule("free_thing", NOUNS + COLORS, COST_FREE),
        free_city=rule("free_city", CITIES, COST_REST),
        someone=rule("someone", NAMES, COST_CLAUSE), wc=cost(COST_CLAUSE),
        name=rule("name", NAMES + OWN_NAMES), color=rule("color", COLORS),
        noun=rule("noun", NOUNS), city=rule("city", CITIES), number=rule("number", NUMBERS),
        **fields), end="")


if __name__ == "__main__":
    main()
