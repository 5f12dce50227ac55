#!/bin/sh
# Prisma wants its native schema engine to exist before `generate`, `validate` and `format`, which never run it (they use WASM). It
# cannot be downloaded in an air-gapped place, so PRISMA_SCHEMA_ENGINE_BINARY points here; the migrate commands have tools of their own.
echo "The native Prisma schema engine is not used here: npm run db:new, db:check and db:deploy do its work." >&2
exit 1
