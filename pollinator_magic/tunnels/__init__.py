"""An SSH tunnel to a port of a running job (the section `tunnel` of project.yaml).

    way       what the section asks for, and the keys, found and opened before anything is submitted
    keys      which private keys may be tried
    hostkeys  which SSH servers are the ones that they say they are
    sshconfig  what ssh_config makes of a login
    login     one SSH connection, over others if need be
    forward   a port on this machine that leads through whatever connection there is
    tunnel    from the start of the job to its end, in a thread of its own
    news      what users are told

Only `way`, `tunnel` and `news` may be imported where asyncssh (extra `tunnel`) is not installed.
"""
