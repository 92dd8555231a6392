#compdef qmpshell

_qmpshell_completion() {
    local -a response whole open shown shown_open
    local type value text
    (( ! $+commands[qmpshell] )) && return 1

    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
        _QMPSHELL_COMPLETE=zsh_complete qmpshell)}")
    for type value text in "${response[@]}"; do
        if [[ $type == dir ]]; then
            _path_files -/
        elif [[ $type == file ]]; then
            [[ $PREFIX == --*=* ]] && compset -P '*='
            _path_files
        elif [[ $type == plain ]]; then
            [[ $text == _ ]] && text=$value || text="$value -- $text"
            if [[ $value == *[/:=] ]]; then
                open+=("$value")
                shown_open+=("$text")
            else
                whole+=("$value")
                shown+=("$text")
            fi
        fi
    done
    (( $#whole )) && compadd -Q -U -V words -d shown -a whole
    (( $#open )) && compadd -Q -U -S '' -V words -d shown_open -a open
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    # autoload from fpath, call function directly
    _qmpshell_completion "$@"
else
    # eval/source/. command, register function for later
    compdef _qmpshell_completion qmpshell
fi
