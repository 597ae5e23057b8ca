# The first process of a pod: runs the init-cmd once for the whole job, then the ranks of this node side by side.
# What differs from job to job is in the arguments: the command, the init-cmd, how many nodes and ranks on each, the
# seconds for ranks to end in, a directory of this pod, one that all pods of the job share, and the file for a last note.

line=$1 init=$2 nodes=$3 per_node=$4 grace=$5 own=$6 shared=$7 last_note=$8
index=${JOB_COMPLETION_INDEX:-0}
ranks=$((nodes * per_node))
first=$((index * per_node))
asked_to_end=
# What this shell says of its children is not part of the log. What they say goes through one stream, because a node reads
# two of them at once and promises no order between their lines.
exec 3>&1 2> /dev/null
if command -v setsid > /dev/null; then lead=setsid; else lead=; fi

note() { # how the job ended, for whoever reads the pod's status
    echo "$*" > "$last_note"
}

tell() { # the signal $1 to all that a process of ours has started
    kill -"$1" "-$2" || kill -"$1" "$2"
}

tell_all() { # those too that are being started: they look for what was told before they were seen to run
    mkdir -p "$own/told/$1"
    for file in "$own"/running.*; do
        [ ! -e "$file" ] || tell "$1" "$(cat "$file")"
    done
}

started() { # what is called $1 runs as the process $2
    echo "$2" > "$own/running.$1"
    for signal in TERM KILL; do
        [ ! -e "$own/told/$signal" ] || tell "$signal" "$2"
    done
}

await() { # the end of a child, whatever signals come meanwhile
    while :; do
        wait "$1"
        status=$?
        [ "$status" -gt 128 ] && kill -0 "$1" || return "$status"
    done
}

run_init() {
    POLLINATOR_EXPORTS=$shared/exports.new $lead /bin/sh -c "{ $init
} && { umask 077; POLLINATOR_PWD=\$PWD; export POLLINATOR_PWD; export -p > \"\$POLLINATOR_EXPORTS\"; }" 2>&3 3>&- &
    init_process=$!
    started init "$init_process"
    await "$init_process"
    status=$?
    rm -f "$own/running.init"
    if [ "$status" -eq 0 ] && [ -n "$asked_to_end" ]; then status=143; fi
    [ "$status" -eq 0 ] || { note "init $status"; exit "$status"; }
    mv -f "$shared/exports.new" "$shared/exports"
}

use_init() { # what it has installed, and what it has set; a pod keeps what tells it from the others
    host=$HOSTNAME
    . "$shared/exports"
    cd "$POLLINATOR_PWD" || exit 126
    unset POLLINATOR_PWD POLLINATOR_EXPORTS
    if [ "$nodes" -gt 1 ]; then export JOB_COMPLETION_INDEX="$index" HOSTNAME="$host"; fi
}

end_others() { # gives them time to end by themselves, then asks, then makes them
    for signal in TERM KILL; do
        seconds=0
        while [ "$seconds" -lt "$grace" ] && [ -n "$(ls "$own"/running.*)" ]; do
            sleep 1
            seconds=$((seconds + 1))
        done
        tell_all "$signal"
    done
}

relay() { # whole lines, so that those of several ranks do not mix
    while IFS= read -r text || [ -n "$text" ]; do printf '%s\n' "$text"; done
}

rank() {
    number=$((first + $1))
    export SLURM_PROCID="$number" SLURM_LOCALID="$1" SLURM_NODEID="$index"
    if [ "$ranks" -gt 1 ]; then
        export PMI_RANK="$number" RANK="$number" LOCAL_RANK="$1"
        export OMPI_COMM_WORLD_RANK="$number" OMPI_COMM_WORLD_LOCAL_RANK="$1"
    fi
    if [ "$per_node" -gt 1 ]; then
        mkfifo -m 600 "$own/output.$1"
        relay < "$own/output.$1" &
        relay=$!
        $lead /bin/sh -c "$line" > "$own/output.$1" 2>&1 3>&- &
    else
        relay=
        $lead /bin/sh -c "$line" 2>&3 3>&- &
    fi
    program=$!
    started "$1" "$program"
    wait "$program"
    status=$?
    rm -f "$own/running.$1"
    tell KILL "$program"
    if [ -n "$relay" ]; then
        # Something that has escaped may hold its output open.
        (sleep 2; kill "$relay") > /dev/null 3>&- &
        wait "$relay"
    fi
    if [ "$status" -ne 0 ] && mkdir "$own/failed"; then
        echo "$number $status" > "$own/failed/first"
        end_others
    fi
}

trap 'asked_to_end=1; tell_all TERM' TERM
mkdir -p "$HOME" "$own/work"
case $PROJECT_DIR in
    /*) cd "$PROJECT_DIR" || cd "$own/work" || exit 126 ;;
    *) cd "$own/work" || exit 126 ;;
esac

if [ -n "$init" ]; then
    mkdir -p "$shared" 2>&3 || { note "init 126"; exit 126; }
    # pip installs for the user where it may not write beside the interpreter; that is this job's alone.
    export PYTHONUSERBASE="$shared/user" PATH="$shared/user/bin:$PATH" PIP_BREAK_SYSTEM_PACKAGES=1
    if [ "$index" -eq 0 ]; then
        run_init
    else
        until [ -e "$shared/exports" ]; do
            [ -z "$asked_to_end" ] || exit 143
            sleep 1
        done
    fi
    use_init
fi

[ -z "$asked_to_end" ] || exit 143
here=0 children=
while [ "$here" -lt "$per_node" ]; do
    rank "$here" &
    children="$children $!"
    here=$((here + 1))
done
for child in $children; do await "$child"; done

if [ -e "$own/failed/first" ]; then
    read -r number status < "$own/failed/first"
    note "rank $number $status"
    exit "$status"
fi
[ -z "$asked_to_end" ] || exit 143
