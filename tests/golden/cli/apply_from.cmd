hocket apply changed.yaml --from good.yaml
