hocket run good.yaml --virtual --out "$TMP/out" | sed "s/[0-9.]* s of wall time/… s of wall time/"
