# The installable package; see tools/README.md.
