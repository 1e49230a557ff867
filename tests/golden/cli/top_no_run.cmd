hocket top --once --out "$TMP"
