#!/bin/sh
# Runs what is in /docker-entrypoint.d before nginx, as the Docker Hub image does: *.envsh is sourced, *.sh is run.
set -e
if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
  for file in /docker-entrypoint.d/*; do
    case "$file" in
      *.envsh) if [ -x "$file" ]; then . "$file"; fi ;;
      *.sh) if [ -x "$file" ]; then "$file"; fi ;;
    esac
  done
fi
exec "$@"
