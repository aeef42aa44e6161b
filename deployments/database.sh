#!/bin/sh
# Start Postgres as its own user, without privileges, with the password in /run/secrets/POSTGRES_PASSWORD.
#
#   database.sh prepare   as root: give the files of the volumes to the user postgres
#   database.sh           as postgres: create the database if there is none, set the password, and start
set -eu
secret=/run/secrets/POSTGRES_PASSWORD

if [ "${1:-}" = prepare ]; then
    chown -R postgres: "$PGDATA" "$secret"
    chmod 700 "$PGDATA"
    exit
fi

# Without a running server: no connection is involved, so the previous password is not needed.
single_user() {
    postgres --single -D "$1" -j postgres >/dev/null
}

# The database is complete once PG_VERSION is in place; an interrupted creation is continued.
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    new=$PGDATA/new
    if [ ! -e "$new/complete" ]; then
        rm -rf "$new"
        initdb --pgdata="$new" --username=prefect --pwfile="$secret" --auth=scram-sha-256 --encoding=UTF8 >/dev/null
        echo 'CREATE DATABASE prefect' | single_user "$new"
        touch "$new/complete"
    fi
    for path in "$new"/*; do
        case ${path##*/} in PG_VERSION | complete) ;; *) mv "$path" "$PGDATA" ;; esac
    done
    mv "$new/PG_VERSION" "$PGDATA"
    rm -r "$new"
fi

# Also for a database of an earlier installation, and after the password has changed.
printf "ALTER ROLE prefect PASSWORD '%s'\n" "$(sed "s/'/''/g" "$secret")" | single_user "$PGDATA"
echo 'host all all all scram-sha-256' >/tmp/pg_hba.conf
exec postgres -D "$PGDATA" -c hba_file=/tmp/pg_hba.conf -c listen_addresses='*' -c unix_socket_directories=
