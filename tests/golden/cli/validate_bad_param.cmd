hocket validate good.yaml --param nonsense
