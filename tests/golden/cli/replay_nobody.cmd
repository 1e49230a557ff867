hocket run good.yaml --virtual --out "$TMP/out" --record "$TMP/x.mcap" >/dev/null && hocket replay "$TMP/x.mcap" --out "$TMP/out" --only nobody
