hocket validate good.yaml --plugin missing.so
