hocket validate good.yaml --set actors.typist.no_such_key=1
