mkdir "$TMP/plugins" && touch "$TMP/plugins/CMakeLists.txt" && hocket new tool word_count --dir "$TMP/plugins" && cat "$TMP/plugins/word_count/CMakeLists.txt"
