hocket run good.yaml --sessions 0
