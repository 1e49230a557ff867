hocket doctor --out "$TMP"
