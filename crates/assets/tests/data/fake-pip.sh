#!/bin/sh
# Stands in for pip. The tests link to it as `pip`, `pip3` or `python3` from a folder of their own,
# and files in that folder say what it does:
#
#   mode      ok | fail | nothing | slow; "no-NAME" lines: calls as NAME are broken
#   file.whl  what a successful call delivers
#   stderr    what a failing call says
#   calls     is written here: one line with the arguments of each download
PATH=/usr/bin:/bin
here=$(dirname "$0")
name=$(basename "$0")

if grep -qx "no-$name" "$here/mode"; then
    echo "$name: bad interpreter" >&2
    exit 127
fi
for argument; do
    [ "$argument" = --version ] && exit 0
done

echo "$name $*" >> "$here/calls"
target=
while [ $# -gt 0 ]; do
    [ "$1" = -d ] && target=$2
    shift
done

case $(head -n 1 "$here/mode") in
fail)
    cat "$here/stderr" >&2
    exit 1
    ;;
nothing) ;;
slow)
    mkdir "$TMPDIR/unpack"
    for part in 1 2 3; do
        head -c 1000 /dev/zero >> "$TMPDIR/unpack/part"
        sleep 0.25
    done
    rm -r "$TMPDIR/unpack"
    cp "$here/file.whl" "$target/delivered-1.0-py3-none-any.whl"
    ;;
*)
    cp "$here/file.whl" "$target/delivered-1.0-py3-none-any.whl"
    ;;
esac
