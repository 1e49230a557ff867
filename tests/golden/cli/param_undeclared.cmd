hocket validate good.yaml --param nope=1
