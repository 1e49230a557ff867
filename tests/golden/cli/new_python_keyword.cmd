hocket new tool class --python --out-of-tree "$TMP/x"
