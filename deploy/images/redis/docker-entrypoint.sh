#!/bin/sh
# As the Docker Hub image does: a first argument that is an option or a configuration file means redis-server; root becomes redis.
set -e
if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then set -- redis-server "$@"; fi
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . \! -user redis -exec chown redis '{}' +
  exec gosu redis "$0" "$@"
fi
if [ "$1" = redis-server ] && [ $# -eq 1 ]; then set -- redis-server --protected-mode no; fi
# Files of the database are for its own user only, unless a parent said otherwise.
if [ "$(umask)" = 0022 ]; then umask 0077; fi
exec "$@"
