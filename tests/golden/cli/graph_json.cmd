hocket graph good.yaml --json | sed "s/\"hash\": .*/\"hash\": …/"
