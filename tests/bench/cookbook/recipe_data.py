"""Data for recipes of the cookbook, in folders that are named as the hub's: a recipe that is started beside them reads them."""

import json
import os


def put(folder, path, rows):
    file = os.path.join(folder, path)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "w") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)


def talk(user, assistant):
    return {"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]}


def make(folder):
    few = [talk(f"What comes after {day}?", f"{then} does.") for day, then in
           (("Monday", "Tuesday"), ("Tuesday", "Wednesday"), ("Friday", "Saturday"), ("Sunday", "Monday"))]
    put(folder, "conversations.jsonl", few * 12)
    put(folder, "HuggingFaceH4/no_robots/train.jsonl", few * 64)
    put(folder, "HuggingFaceH4/no_robots/test.jsonl", few)
    pairs = [{"chosen": f"\n\nHuman: What is {a} + 1?\n\nAssistant: It is {a + 1}.",
              "rejected": f"\n\nHuman: What is {a} + 1?\n\nAssistant: I will not say so."} for a in range(40)]
    put(folder, "Anthropic/hh-rlhf/train.jsonl", pairs)
    put(folder, "Anthropic/hh-rlhf/test.jsonl", pairs[:4])
    put(folder, "zwhe99/DeepMath-103K/train.jsonl",
        [{"question": f"What is {a} times {b}?", "final_answer": str(a * b), "difficulty": 3.0, "topic": "x"}
         for a in range(8) for b in range(8)])
    put(folder, "hicai-zju/SciKnowEval/test.jsonl",
        [{"domain": "Chemistry", "details": {"level": "L3"}, "type": "mcq-4-choices", "question": f"Which is {n}?",
          "choices": {"label": ["A", "B"], "text": [str(n), str(n + 1)]}, "answerKey": "A"} for n in range(20)])
