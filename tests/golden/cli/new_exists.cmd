hocket new tool calculator --dir "$TMP"
