hocket validate good.yaml --sett a=b
