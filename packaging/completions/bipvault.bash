# Completion of bipvault-ops, bipvault-care and bipvault-cared. What there is to complete is asked of the program,
# so that it is never out of date.

_bipvault_words() {
  # Commands and options as --help lists them: two blanks, then the word or words.
  "$@" --help 2>/dev/null | sed -nE \
    -e 's/^  (-h, )?(--[a-z-]+).*/\2/p' \
    -e 's/^  ([a-z][a-z-]*( [a-z][a-z-]*)?)( (FILE|OLD NEW|CARD|WHO|NEW|ICCID|[A-Z]+|\[[A-Z]+\]))* {2,}.*/\1/p'
}

_bipvault() {
  local program=$1 current=$2 previous=$3 word
  local -a typed=()
  COMPREPLY=()
  case $previous in
    --config | --clock-file | --output | --state | import | export)
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
  esac
  local i skip=no
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [ "$skip" = yes ]; then skip=no; continue; fi
    case $word in
      --config | --clock-file) skip=yes ;;
      -*) ;;
      *) typed+=("$word") ;;
    esac
  done
  local commands
  commands=$(_bipvault_words "$program")
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_bipvault_words "$program" "${typed[@]:0:2}"
      _bipvault_words "$program" "${typed[@]:0:1}")" -- "$current")
  elif [ ${#typed[@]} -eq 0 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(cut -d' ' -f1 <<<"$commands" | grep -v '^-')" -- "$current")
  elif [ ${#typed[@]} -eq 1 ] && [ "${typed[0]}" = request ]; then
    mapfile -t COMPREPLY < <(compgen -W "unlock export erase confirm-move" -- "$current")
  elif [ ${#typed[@]} -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$(sed -n "s/^${typed[0]} //p" <<<"$commands")" -- "$current")
  fi
}

complete -F _bipvault bipvault-ops bipvault-care bipvault-cared
