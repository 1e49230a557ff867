hocket validate good.yaml --param ""; echo "exit $?"; hocket validate good.yaml --param nope=
