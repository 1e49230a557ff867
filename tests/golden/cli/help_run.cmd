hocket run --help
