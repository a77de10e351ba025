#!/bin/sh
# Stop (-d), start (-u) or restart (-r) the server while the container stays.
case "$1" in
  -d|-u|-r) printf '%s\n' "${1#-}" > /run/plexsim-control.new
            mv /run/plexsim-control.new /run/plexsim-control ;;
  *) echo "Usage: $0 -d|-u|-r" >&2; exit 1 ;;
esac
while [ -e /run/plexsim-control ]; do sleep 0.1; done
