#!/bin/sh
# Start a command with its secrets. Every file in /run/secrets is one variable, named like the file; a variable that is
# already set is kept. The values reach the process only: `docker inspect` does not show them.
set -eu

for file in /run/secrets/*; do
    name=${file##*/}
    case $name in *[!A-Za-z0-9_]* | [0-9]*) continue ;; esac
    if [ -f "$file" ] && ! printenv "$name" >/dev/null; then
        value=$(cat "$file")
        export "$name=$value"
    fi
done

# On EC2, the service's role is assumed with the role of the machine. It renews itself, unlike keys in variables.
if [ -n "${SIGHTLINE_ROLE_ARN:-}" ]; then
    mkdir -p "$HOME/.aws"
    printf '[default]\nrole_arn = %s\ncredential_source = Ec2InstanceMetadata\n' "$SIGHTLINE_ROLE_ARN" \
        >"$HOME/.aws/config"
fi

exec "$@"
