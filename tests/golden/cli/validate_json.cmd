hocket validate bad.yaml --json
