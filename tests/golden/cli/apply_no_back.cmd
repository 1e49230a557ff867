hocket apply --back --out "$TMP"
