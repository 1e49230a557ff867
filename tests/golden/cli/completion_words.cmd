hocket complete-words -- valid; hocket complete-words -- new ""; hocket complete-words -- run x.yaml --no-; hocket complete-words -- export systemd --dir ""; hocket completion bash | head -1
