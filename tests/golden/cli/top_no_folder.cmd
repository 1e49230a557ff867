hocket top --once --out "$TMP/nowhere"
