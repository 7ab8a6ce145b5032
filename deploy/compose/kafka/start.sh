#!/bin/sh
# Formats the data folder once, with a SCRAM user for each line "name password" of $KAFKA_USERS, then runs the broker.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
bin=${KAFKA_BIN:-/opt/kafka/bin}
users=${KAFKA_USERS:-/run/kafka-users/users}
data=${KAFKA_DATA:-/var/lib/kafka/data/kraft}
properties=${KAFKA_PROPERTIES:-/tmp/server.properties}

admin=$(awk '$1 == "admin" { print $2 }' "$users")
sed -e "s#@HOST@#${KAFKA_HOST:-kafka}#g; s#@PORT@#${KAFKA_PORT:-9092}#g; s#@CPORT@#${KAFKA_CPORT:-9093}#g" \
    -e "s#@DATA@#$data#g; s#@ADMIN@#$admin#g" "$here/server.properties" > "$properties"

if [ ! -f "$data/meta.properties" ]; then
    set -- format --cluster-id "$("$bin/kafka-storage.sh" random-uuid)" --config "$properties"
    while read -r name password; do
        set -- "$@" --add-scram "SCRAM-SHA-512=[name=$name,password=$password]"
    done < "$users"
    "$bin/kafka-storage.sh" "$@"
fi
exec "$bin/kafka-server-start.sh" "$properties"
