hocket apply good.yaml --set actors.printer.x=1 --out "$TMP"
