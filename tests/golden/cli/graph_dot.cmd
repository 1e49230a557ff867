hocket graph good.yaml
