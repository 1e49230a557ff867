hocket apply good.yaml --out "$TMP"
