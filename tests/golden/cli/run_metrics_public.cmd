hocket run good.yaml --virtual --metrics tcp://0.0.0.0:0 --out "$TMP"
