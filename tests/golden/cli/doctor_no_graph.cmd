hocket doctor nowhere.yaml >/dev/null
