#!/bin/bash
# Becomes one rank of a job, or its init-cmd: the words of the file $2 in the directory $1, after the directory to run in.
# Both streams are one, so that what is printed stays in order.

exec 2>&1 < /dev/null
words=()
while IFS= read -r -d '' word; do words+=("$word"); done < "$1/$2"
cd "${words[0]}" || exit 126
exec "${words[@]:1}"
