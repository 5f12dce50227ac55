#!/bin/sh
# /etc/nginx/templates/NAME.template -> /etc/nginx/conf.d/NAME with ${VARIABLES} of the environment filled in.
set -e
templates="${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}"
suffix="${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}"
output="${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}"
[ -d "$templates" ] || exit 0
# Only variables that exist: nginx's own $host, $uri and so on must stay as they are.
defined=$(env | sed -n "s/^\(${NGINX_ENVSUBST_FILTER:-}[A-Za-z_][A-Za-z_0-9]*\)=.*/\${\1}/p" | tr '\n' ' ')
find "$templates" -follow -type f -name "*$suffix" | while read -r template; do
  target="$output/${template#"$templates"/}"
  target="${target%"$suffix"}"
  mkdir -p "$(dirname "$target")"
  envsubst "$defined" < "$template" > "$target"
done
