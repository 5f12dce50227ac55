#!/usr/bin/env bash
# The first start makes the data directory as the variables say (https://hub.docker.com/_/mariadb); every other one only starts the server.
set -Eeuo pipefail
DATA=/var/lib/mysql
SOCKET=/run/mysqld/mysqld.sock

# The first of the given variables, or of the files that NAME_FILE names, that is set.
setting() {
  local name file
  for name in "$@"; do
    file="${name}_FILE"
    if [ -n "${!file:-}" ]; then cat "${!file}"; return; fi
    if [ -n "${!name:-}" ]; then printf '%s' "${!name}"; return; fi
  done
}

# A string of SQL: backslash and quote are special in it.
quote() {
  local text="${1//\\/\\\\}"
  printf "'%s'" "${text//\'/\'\'}"
}

ping_until_up() {
  local i
  for ((i = 0; i < 300; i++)); do
    if mariadb --socket="$SOCKET" -uroot --database=mysql -e 'SELECT 1' > /dev/null 2>&1; then return; fi
    kill -0 "$1" || return 1
    sleep 0.1
  done
  return 1
}

initialise() {
  local root database user password host
  root=$(setting MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD)
  database=$(setting MARIADB_DATABASE MYSQL_DATABASE)
  user=$(setting MARIADB_USER MYSQL_USER)
  password=$(setting MARIADB_PASSWORD MYSQL_PASSWORD)
  host=$(setting MARIADB_ROOT_HOST MYSQL_ROOT_HOST)
  if [ -z "$root" ] && [ -z "$(setting MARIADB_ALLOW_EMPTY_ROOT_PASSWORD MYSQL_ALLOW_EMPTY_PASSWORD)" ]; then
    echo 'Error: set MARIADB_ROOT_PASSWORD, the password of root.' >&2
    exit 1
  fi
  mariadb-install-db --datadir="$DATA" --rpm --auth-root-authentication-method=normal --skip-test-db > /dev/null
  # Only on the socket: whoever waits for the port waits for the real start.
  "$@" --skip-networking --socket="$SOCKET" --skip-ssl --expire-logs-days=0 &
  local server=$!
  ping_until_up "$server"
  {
    echo "SET @@SESSION.SQL_LOG_BIN = 0;"
    # Those that mariadb-install-db makes beside root@localhost have no password.
    echo "DROP USER IF EXISTS 'root'@'127.0.0.1', 'root'@'::1';"
    echo "EXECUTE IMMEDIATE CONCAT('DROP USER IF EXISTS \'root\'@\'', @@hostname, '\'');"
    if [ -n "$database" ]; then echo "CREATE DATABASE IF NOT EXISTS \`${database//\`/\`\`}\`;"; fi
    if [ -n "$user" ]; then
      echo "CREATE USER $(quote "$user")@'%' IDENTIFIED BY $(quote "$password");"
      if [ -n "$database" ]; then
        local pattern="${database//_/\\_}"
        echo "GRANT ALL ON \`${pattern//\`/\`\`}\`.* TO $(quote "$user")@'%';"
      fi
    fi
    echo "CREATE USER IF NOT EXISTS 'root'@$(quote "${host:-%}") IDENTIFIED BY $(quote "$root");"
    echo "GRANT ALL ON *.* TO 'root'@$(quote "${host:-%}") WITH GRANT OPTION;"
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(quote "$root");"
  } | mariadb --socket="$SOCKET" -uroot --database=mysql
  local file
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
      *.sql) MYSQL_PWD="$root" mariadb --socket="$SOCKET" -uroot ${database:+--database="$database"} < "$file" ;;
      *.sql.gz) gunzip -c "$file" | MYSQL_PWD="$root" mariadb --socket="$SOCKET" -uroot ${database:+--database="$database"} ;;
    esac
  done
  kill "$server"
  wait "$server"
}

if [ "${1:0:1}" = - ]; then set -- mariadbd "$@"; fi
if [ "$1" = mariadbd ] || [ "$1" = mysqld ]; then
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$DATA" /run/mysqld
    find "$DATA" /run/mysqld \! -user mysql -exec chown mysql: '{}' +
    exec gosu mysql "$BASH_SOURCE" "$@"
  fi
  if [ ! -d "$DATA/mysql" ]; then initialise "$@"; fi
fi
exec "$@"
