hocket validate bad.yaml
