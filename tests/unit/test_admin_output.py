"""Tables for people show whatever a value says, and never obey it."""

from __future__ import annotations

import pytest

from connector.admin.output import people, print_table


@pytest.mark.parametrize("value", ["[/red]", "\\[/red]", "[bold]loud[/bold]", "\\\\[link=x]"])
def test_a_value_that_looks_like_markup_is_shown_as_it_is(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A message of somebody else's, such as a dead letter, must not keep the list of all others from being shown."""
    print_table(people(), "", ("Error", "Code"), [[value, None]])
    assert f" {value} " in capsys.readouterr().out
