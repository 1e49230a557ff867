hocket export kubernetes hosts.yaml --host gpu --namespace voice --image registry.example/hocket:1 -o "$TMP" && cat "$TMP"/*.yaml
