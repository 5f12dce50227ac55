#!/usr/bin/env bash
# The first start makes the data directory as the variables say (https://hub.docker.com/_/postgres); every other one only starts the server.
set -Eeuo pipefail

# NAME or the content of the file that NAME_FILE names.
setting() {
  local file="${1}_FILE"
  if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!1:-${2:-}}"; fi
}

initialise() {
  local user password database
  user=$(setting POSTGRES_USER postgres)
  password=$(setting POSTGRES_PASSWORD)
  database=$(setting POSTGRES_DB "$user")
  local method="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}"
  if [ -z "$password" ] && [ "$method" != trust ]; then
    echo 'Error: set POSTGRES_PASSWORD, the password of the superuser.' >&2
    exit 1
  fi
  # shellcheck disable=SC2086
  initdb --username="$user" --pwfile=<(printf '%s\n' "$password") ${POSTGRES_INITDB_ARGS:-}
  printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"
  # Only on the socket: whoever waits for the port waits for the real start.
  PGUSER="$user" pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start
  local run=(psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user")
  if [ "$database" != postgres ]; then
    "${run[@]}" --dbname postgres --set db="$database" <<< 'CREATE DATABASE :"db";'
  fi
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) PGDATABASE="$database" "${run[@]}" --no-password -f "$file" ;;
      *.sql.gz) gunzip -c "$file" | PGDATABASE="$database" "${run[@]}" --no-password ;;
    esac
  done
  PGUSER="$user" pg_ctl -D "$PGDATA" -m fast -w stop
}

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" = postgres ]; then
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    find "$PGDATA" \! -user postgres -exec chown postgres '{}' +
    find /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
    exec gosu postgres "$BASH_SOURCE" "$@"
  fi
  if [ ! -s "$PGDATA/PG_VERSION" ]; then initialise; fi
fi
exec "$@"
