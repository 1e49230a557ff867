hocket new project json --python --out-of-tree "$TMP/x"
