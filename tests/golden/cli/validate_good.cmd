hocket validate good.yaml
