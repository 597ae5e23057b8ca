#!/bin/bash
# Runs one job of a colony under Slurm: preparation, init-cmd, all ranks. What differs from job to job is in the files of
# the directory $1, never in this text. What is printed to standard error here is Slurm's or the shell's own noise.

state=$1
signalled=0
trap 'signalled=1' TERM

read_words() {
    words=()
    while IFS= read -r -d '' word; do words+=("$word"); done < "$state/$1"
}

finish() { # exit status, what has ended with it
    printf '%s %s %s\n' "$1" "$2" "$signalled" > "$state/end"
    exit "$1"
}

quote() { # into $quoted, for any POSIX shell
    local rest=$1
    quoted=
    while [[ $rest == *\'* ]]; do
        quoted+="${rest%%\'*}'\\''"
        rest=${rest#*\'}
    done
    quoted="'$quoted$rest'"
}

keep_what_init_has_set() {
    local item name
    declare -A known
    while IFS= read -r -d '' item; do known["=$item"]=1; done < "$state/before"
    while IFS= read -r -d '' item; do
        name=${item%%=*}
        [[ $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ && -z ${known["=$item"]} ]] || continue
        case $name in PWD | OLDPWD | SHLVL | _) continue ;; esac
        quote "${item#*=}"
        printf 'export %s=%s\n' "$name" "$quoted"
    done < "$state/after"
    IFS= read -r -d '' item < "$state/directory-after"
    quote "${item%$'\n'}"
    printf 'cd %s\n' "$quoted"
}

# A job that Slurm starts again begins anew.
rm -f "$state/exports" "$state/before" "$state/after" "$state/directory-after"
: > "$state/end"
printf '%s\0' "$SLURM_JOB_ID" "${SLURM_RESTART_COUNT:-0}" "$SLURM_JOB_NODELIST" "$HOME" > "$state/started"

exec 3>&2
[ ! -s "$state/prolog" ] || . "$state/prolog" 2>&1
exec 2>&3

if [ -s "$state/init" ]; then
    /bin/bash "$state/rank.sh" "$state" init
    status=$?
    [ "$status" -eq 0 ] || finish "$status" init
    [ "$signalled" -eq 0 ] || finish 143 init
    [ ! -e "$state/directory-after" ] || keep_what_init_has_set > "$state/exports"
fi

read_words launch
"${words[@]}" /bin/bash "$state/rank.sh" "$state" command
finish "$?" command
