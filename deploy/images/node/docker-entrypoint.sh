#!/bin/sh
# As in the Docker Hub image: `docker run IMAGE app.js` and `docker run IMAGE --version` mean `node app.js` and `node --version`.
set -e
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
  set -- node "$@"
fi
exec "$@"
