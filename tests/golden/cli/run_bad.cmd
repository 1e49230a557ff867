hocket run bad.yaml --out "$TMP/out"
