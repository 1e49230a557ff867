hocket export systemd good.yaml -o "$TMP" >/dev/null && hocket export systemd good.yaml --set name=Typing -o "$TMP"
