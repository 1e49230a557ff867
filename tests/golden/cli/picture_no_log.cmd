hocket picture "$TMP/events.jsonl"
