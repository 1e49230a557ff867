#!/usr/bin/env bash
# The TypeScript client: builds, passes its tests, and is what the page carries.
#   client.sh SOURCE FOLDER
# SOURCE: the repository. FOLDER: where it may work. Exit status 77: there is no npm, or it reaches no registry.
set -euo pipefail
source=$1 folder=$2
command -v npm >/dev/null || { echo "skipped: there is no npm here"; exit 77; }
mkdir -p "$folder"
rm -rf "$folder/dist"
cp -r "$source"/actors/gateway/client/{package.json,tsconfig.json,client.ts,client.test.mjs} "$folder/"
cd "$folder"
if [[ ! -x node_modules/.bin/tsc ]]; then
  timeout 300 npm install --no-audit --no-fund --loglevel=error || { echo "skipped: npm reaches no registry"; exit 77; }
fi
npm test
cmp dist/client.js "$source/actors/gateway/web/client.js" || {
  echo "actors/gateway/web/client.js is not what actors/gateway/client builds: copy dist/client.js there"
  exit 1
}
