hocket validate missing.yaml good.yaml
