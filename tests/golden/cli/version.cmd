hocket --version | sed "s/(.*/(revision)/"
