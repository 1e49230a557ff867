hocket run good.yaml --virtual --duration 0,5 --out "$TMP/out"
