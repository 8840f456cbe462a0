"""`recipe-harness completion bash|zsh`: completes commands, options, choices and files in a shell.

The script is made from the commands' own parsers when it is asked for, and knows then all that they take: a
shell that completes starts no Python.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import cast

from harness.arguments import EXIT_CODES, Parser, parser_of, path_argument
from harness.commands.trusting import TRUST
from harness.edge import deliver, run_command
from harness.errors import EXIT_COMPLETE

_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"

_SCRIPT = """\
_recipe_harness() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words= kind=
  local command=${COMP_WORDS[1]}
  COMPREPLY=()
  if [[ $current == "=" ]]; then current=
  elif [[ $previous == "=" ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}
  elif [[ $previous == @JOINED@ ]]; then previous=; fi
  if (( COMP_CWORD > 2 )); then
    case "$command ${COMP_WORDS[2]}" in
@VERBS@
    esac
  fi
  if (( COMP_CWORD == 1 )); then words="@COMMANDS@"
  else
    case "$command $previous" in
@VALUES@
    *) case "$command" in
@OPTIONS@
      esac
      [[ $current == -* ]] && kind=words ;;
    esac
  fi
  local IFS=$'\\n'
  case $kind in
    yaml) COMPREPLY=( $(compgen -f -X '!*.y*ml' -- "$current") $(compgen -d -- "$current") ) ;;
    file) COMPREPLY=( $(compgen -f -- "$current") ) ;;
    folder) COMPREPLY=( $(compgen -d -- "$current") ) ;;
    none) ;;
    *) IFS=$' \\n'; COMPREPLY=( $(compgen -W "$words" -- "$current") ) ;;
  esac
}
complete -o filenames -F _recipe_harness recipe-harness
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(partial(_complete, arguments))


def _complete(arguments: Sequence[str] | None) -> int:
    parser = Parser(
        prog="recipe-harness completion",
        description="Print what a shell needs to complete commands, options and files: in ~/.bashrc "
        'eval "$(recipe-harness completion bash)", in ~/.zshrc likewise with zsh. Faster: keep it in a file.',
        epilog=f"exit codes: 0 printed; 2 a bad argument; {EXIT_CODES}.",
    )
    parser.add_argument("shell", choices=("bash", "zsh"))
    shell = parser.parse_args(arguments).shell
    deliver((_ZSH if shell == "zsh" else "") + script())
    return EXIT_COMPLETE


def script() -> str:
    """Return the script for bash; zsh takes it too, once it is made to."""
    from harness.commands.console import COMMANDS

    parsers: dict[str, argparse.ArgumentParser] = {}
    verbs = list[str]()
    for name, command in COMMANDS.items():
        own = parser_of(cast("Callable[[list[str]], int]", import_module(command.module).main))
        parsers[name] = own
        for verb, inner in _verbs(own).items():
            parsers[f"{name} {verb}"] = inner
            verbs.append(f'    "{name} {verb}") command="{name} {verb}" ;;')
    values = [line for name, parser in parsers.items() for line in _values(name, parser)]
    options = [_options(name, parser) for name, parser in parsers.items()]
    names = {"COMMANDS": [" ".join(COMMANDS)], "JOINED": [TRUST]}
    parts = names | {"VERBS": verbs, "VALUES": values, "OPTIONS": options}
    text = _SCRIPT
    for mark, lines in parts.items():
        text = text.replace(f"@{mark}@", "\n".join(lines))
    return text


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the subcommands of a parser."""
    actions = [own for own in parser._actions if isinstance(own, argparse._SubParsersAction)]  # noqa: SLF001
    return {name: own for action in actions for name, own in action.choices.items()}


def _values(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a case for every option that takes a value."""
    for action in parser._actions:  # noqa: SLF001 - argparse tells its options in no other way
        if action.option_strings and action.nargs != 0:
            options = "|".join(f'"{name} {option}"' for option in action.option_strings)
            yield f"    {options}) {_kind(action)} ;;"


def _options(name: str, parser: argparse.ArgumentParser) -> str:
    """Return the case of a command: its options, and what stands without one."""
    words = [option for action in parser._actions for option in action.option_strings]  # noqa: SLF001
    places = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001
    kind = _kind(places[0]) if places else "kind=none"
    if "words=" in kind:
        return f'      "{name}") [[ $current == -* ]] && words="{" ".join(words)}" || {kind} ;;'
    return f'      "{name}") words="{" ".join(words)}" {kind} ;;'


def _kind(action: argparse.Action) -> str:
    """Return what sets how a value is completed."""
    if action.choices is not None:
        return f'words="{" ".join(map(str, action.choices))}"'
    if action.type is not path_argument:
        return "kind=none"
    named = str(action.metavar)
    return f"kind={'yaml' if named.endswith('.yaml') else 'folder' if 'DIR' in named else 'file'}"
