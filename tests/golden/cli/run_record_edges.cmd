hocket run good.yaml --virtual --out "$TMP/out" --record "$TMP/x.mcap" --record-edges "tome.*"
