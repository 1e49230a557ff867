hocket run good.yaml --virtual --duration -1 --out "$TMP/out"; ls "$TMP"
