hocket run good.yaml --virtual --json --out "$TMP/out" | grep -c "\"type\":\"turn\""
