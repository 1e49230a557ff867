hocket apply hosts.yaml --from good.yaml
