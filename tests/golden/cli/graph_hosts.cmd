hocket graph hosts.yaml
