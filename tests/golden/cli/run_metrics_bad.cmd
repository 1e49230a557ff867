hocket run good.yaml --virtual --metrics 9464 --out "$TMP"
