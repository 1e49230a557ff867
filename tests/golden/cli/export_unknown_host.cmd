hocket export systemd hosts.yaml --host moon -o "$TMP"
