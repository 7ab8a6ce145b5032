#!/bin/sh
# Temporal's two databases, made or brought to this version; safe to repeat. SQL_PASSWORD comes from the environment.
set -eu
for name in temporal:temporal temporal_visibility:visibility; do
    set -- --plugin postgres12 --endpoint postgres --port 5432 --user temporal --database "${name%%:*}"
    temporal-sql-tool "$@" create
    temporal-sql-tool "$@" setup-schema --version 0.0
    temporal-sql-tool "$@" update-schema --schema-name "postgresql/v12/${name##*:}"
done
