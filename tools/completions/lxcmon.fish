# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion for lxcmon(1)

function __lxcmon_containers
    set -l runtime_dir /run/libvirt/lxc
    set -l words (commandline -opc)
    for i in (seq (count $words))
        test "$words[$i]" = --runtime-dir; and set runtime_dir $words[(math $i + 1)]
    end
    for socket in $runtime_dir/*.sock
        test -S $socket; and string replace -r '\.sock$' '' (string replace -r '.*/' '' $socket)
    end
end

set -l verbs watch wait list simulate decode
set -l no_verb "not __fish_seen_subcommand_from $verbs"

complete -c lxcmon -f
complete -c lxcmon -n $no_verb -a watch -d 'print the events of containers as they come'
complete -c lxcmon -n $no_verb -a wait -d 'wait until a container has ended'
complete -c lxcmon -n $no_verb -a list -d 'list the containers of the host'
complete -c lxcmon -n $no_verb -a simulate -d 'run a controller without a container'
complete -c lxcmon -n $no_verb -a decode -d 'decode captured messages'
complete -c lxcmon -l help -s h -d 'print the options'
complete -c lxcmon -l version -d 'print the version'

set -l client '__fish_seen_subcommand_from watch wait'
complete -c lxcmon -n $client -a '(__lxcmon_containers)' -d container
complete -c lxcmon -n '__fish_seen_subcommand_from watch wait list' -l runtime-dir -x -a '(__fish_complete_directories)' -d 'directory of the sockets'
complete -c lxcmon -n '__fish_seen_subcommand_from watch wait list' -l direct -d 'never go through libvirtd'
complete -c lxcmon -n $client -l force -d 'with --direct, skip the busy check'
complete -c lxcmon -n $client -l wait-if-busy -d 'wait until the slot is free'
complete -c lxcmon -n '__fish_seen_subcommand_from watch wait list' -l connect -x -a 'lxc:///system' -d 'go through the libvirtd at URI'
complete -c lxcmon -n '__fish_seen_subcommand_from watch wait list' -l timeout -x -d 'give up after this time'
complete -c lxcmon -n '__fish_seen_subcommand_from watch list decode' -l json -d 'print one JSON object per line'
complete -c lxcmon -n '__fish_seen_subcommand_from watch' -l no-follow -d 'treat a reboot like any other end'
complete -c lxcmon -n '__fish_seen_subcommand_from simulate' -l init-pid -x -d 'the pid of init'
complete -c lxcmon -n '__fish_seen_subcommand_from simulate' -l exit -x -a 'error shutdown reboot none' -d 'how the container ends'
complete -c lxcmon -n '__fish_seen_subcommand_from simulate' -l after -x -d 'when the container ends'
complete -c lxcmon -n '__fish_seen_subcommand_from simulate' -l repeat -x -d 'how many times it starts'
complete -c lxcmon -n '__fish_seen_subcommand_from decode' -l hex -d 'the input is hexadecimal digits'
complete -c lxcmon -n '__fish_seen_subcommand_from simulate decode' -F
complete -c lxcmon -n "__fish_seen_subcommand_from $verbs" -l quiet -s q -d 'print no messages on standard error'
