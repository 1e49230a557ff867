hocket docs --root "$TMP"
