hocket run good.yaml --virtual --no-picture --out "$TMP/out" >/dev/null; ls "$TMP/out" | grep -c conversation
