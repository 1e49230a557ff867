hocket new tool word_count --dir "$TMP"
