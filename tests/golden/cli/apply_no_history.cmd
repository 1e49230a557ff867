hocket apply --history --out "$TMP"
