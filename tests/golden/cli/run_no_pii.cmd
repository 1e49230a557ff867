hocket run good.yaml --virtual --no-pii --out "$TMP/out" >/dev/null && ! grep -e hello -e world "$TMP/out/events.jsonl"
