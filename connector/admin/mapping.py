"""``connector mapping``: which Salesforce field holds which AWS field, from draft to published version."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import typer

from connector.admin import mapping_fields, mapping_life, mapping_values

mapping_app = typer.Typer(
    no_args_is_help=True,
    help="Which Salesforce field holds which AWS field. Opportunities and leads (--type) have a mapping each.",
)

COMMANDS: Mapping[str, Callable[..., None]] = {
    "object": mapping_fields.choose_object,
    "show": mapping_fields.show,
    "fields": mapping_fields.fields,
    "set": mapping_fields.set_field,
    "unset": mapping_fields.unset,
    "toggle": mapping_fields.toggle,
    "automap": mapping_fields.automap,
    "propose": mapping_fields.propose,
    "reset": mapping_fields.reset,
    "values": mapping_values.values,
    "fallback": mapping_values.fallback,
    "own": mapping_values.own,
    "exclude": mapping_values.exclude,
    "check": mapping_life.check,
    "diff": mapping_life.diff,
    "discard": mapping_life.discard,
    "publish": mapping_life.publish,
    "apply": mapping_life.apply,
    "history": mapping_life.history,
    "rollback": mapping_life.rollback,
    "export": mapping_life.export,
    "import": mapping_life.import_,
}
for name, command in COMMANDS.items():
    mapping_app.command(name)(command)
