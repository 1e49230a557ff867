hocket run good.yaml --virtual --out ""; echo "exit $?"; hocket run good.yaml --virtual --out=
