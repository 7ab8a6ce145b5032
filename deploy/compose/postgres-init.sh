#!/bin/sh
# Runs once, when the data folder is new: the role that Temporal's databases belong to.
set -eu
psql --set ON_ERROR_STOP=1 --set "password=$TEMPORAL_POSTGRES_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'password';
SQL
