hocket new component gain --dir "$TMP"
