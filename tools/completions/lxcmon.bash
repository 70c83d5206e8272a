# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for lxcmon(1)

# Prints the names of the sockets; $1 is the runtime directory.
_lxcmon_containers ()
{
  local socket
  for socket in "$1"/*.sock; do
    [[ -S $socket ]] || continue
    socket=${socket##*/}
    printf '%q\n' "${socket%.sock}"
  done
}

_lxcmon ()
{
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}
  local runtime_dir=/run/libvirt/lxc words='' i

  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    mapfile -t COMPREPLY < <(compgen -W 'watch wait list simulate decode --help --version' -- "$cur")
    return
  fi

  case $prev in
    --exit)
      mapfile -t COMPREPLY < <(compgen -W 'error shutdown reboot none' -- "$cur")
      return ;;
    --runtime-dir)
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return ;;
    --connect)
      mapfile -t COMPREPLY < <(compgen -W 'lxc:///system' -- "$cur")
      return ;;
    --timeout|--after|--init-pid|--repeat)
      return ;;
  esac

  for (( i = 2; i < COMP_CWORD; i++ )); do
    [[ ${COMP_WORDS[i]} == --runtime-dir ]] && runtime_dir=${COMP_WORDS[i+1]}
  done

  case $verb in
    watch) words='--json --runtime-dir --direct --connect --force --wait-if-busy --timeout --no-follow --quiet' ;;
    wait) words='--runtime-dir --direct --connect --force --wait-if-busy --timeout --quiet' ;;
    list) words='--json --runtime-dir --direct --connect --timeout --quiet' ;;
    simulate) words='--init-pid --exit --after --repeat --quiet' ;;
    decode) words='--hex --json --quiet' ;;
    *) return ;;
  esac

  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$cur")
  elif [[ $verb == list ]]; then
    return
  elif [[ $cur == */* || $verb == simulate || $verb == decode ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  else
    local IFS=$'\n'
    mapfile -t COMPREPLY < <(compgen -W "$(_lxcmon_containers "$runtime_dir")" -- "$cur")
    # A name with a space is one word.
    for i in "${!COMPREPLY[@]}"; do
      printf -v "COMPREPLY[i]" '%q' "${COMPREPLY[i]}"
    done
  fi
}

complete -F _lxcmon lxcmon
