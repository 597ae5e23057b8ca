# Runs one rank of a job, or what comes before all ranks, as the first process of a container. What differs from job to job
# is in the files beside this one, never in this text. $1: the rank, or `init`. $2: how many seconds it may run; 0: any.
# When the job is asked to end, all processes but this one are, so that it can say how the command ended. Its variables
# have long names, because those of the job lie in the same shell.

exec >> /.pollinator-log 2>&1 < /dev/null
echo begun >> /.pollinator-end

if [ "$2" -gt 0 ]; then # should nobody be there any more to end it in time
    (
        trap '' TERM
        sleep "$2" && echo overdue >> /.pollinator-end && kill -KILL -1
    ) &
fi

pollinator_finish() { # what has ended, with which exit status
    pollinator_killed=0
    for pollinator_file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
        [ -r "$pollinator_file" ] || continue
        while IFS=' ' read -r pollinator_name pollinator_count; do
            [ "$pollinator_name" != oom_kill ] || pollinator_killed=$pollinator_count
        done < "$pollinator_file"
    done
    echo "$1 $2 $pollinator_killed" >> /.pollinator-end
    exit "$2"
}

if [ -e /.pollinator/meeting ] && [ "$1" != init ]; then # ranks are told where they are when all have started
    until [ -e /.pollinator/met ]; do sleep 0.1 || sleep 1; done
    [ ! -w /etc/hosts ] || cat /.pollinator/hosts >> /etc/hosts
fi

pollinator_set() { # the variables of this rank
    [ ! -e "/.pollinator/rank-$1" ] || . "/.pollinator/rank-$1"
    [ ! -e /.pollinator/met ] || . /.pollinator/met
}

pollinator_host=$HOSTNAME
. /.pollinator/variables
pollinator_set "$1"
{ case $PROJECT_DIR in /*) cd "$PROJECT_DIR" ;; *) false ;; esac || cd "$(mktemp -d)" || cd /; } 2> /dev/null

if [ -e /.pollinator/init ] && { [ "$1" = init ] || [ ! -e /.pollinator/init-apart ]; }; then
    /bin/sh /.pollinator/init
    pollinator_status=$?
    [ "$pollinator_status" -eq 0 ] || pollinator_finish init "$pollinator_status"
fi
[ "$1" != init ] || pollinator_finish init 0

if [ -s /.pollinator-exports ]; then # what the init-cmd has set is there as if both were one line of a shell
    . /.pollinator-exports
    HOSTNAME=$pollinator_host
    pollinator_set "$1"
    cd "$POLLINATOR_PWD"
fi
/bin/sh /.pollinator/command
pollinator_finish command "$?"
