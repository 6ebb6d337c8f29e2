"""The settings that admins find in Salesforce, what the worker reads, and what the guide says are the same."""

from __future__ import annotations

import inspect

from metadata_source import PROJECT, Source, text

from connector import names

SOURCE = Source()
GUIDE = PROJECT.parent / "config" / "README.md"


def read_by_the_worker() -> set[str]:
    """Return the API names that the code knows."""
    tables = (names.Settings, names.TemplateSettings, names.FileSettings)
    return {value for table in tables for name, value in inspect.getmembers(table) if name.isupper()}


def test_every_setting_that_the_worker_reads_is_a_field_of_the_package() -> None:
    assert read_by_the_worker() <= set(SOURCE.objects[names.SETTINGS])


def test_the_guide_describes_each_setting_that_the_worker_reads_and_no_other() -> None:
    section = GUIDE.read_text(encoding="utf8").split("## What admins set in Salesforce")[1].split("\n## ")[0]
    described = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(described) == sorted(read_by_the_worker())


def test_every_setting_says_what_it_does_and_what_blank_means() -> None:
    """A checkbox is never blank; everything else names the value that applies then."""
    for name, field in SOURCE.objects[names.SETTINGS].items():
        told = text(field, "inlineHelpText")
        assert text(field, "description") and told, name
        assert text(field, "type") == "Checkbox" or "lank" in f"{told} {text(field, 'description')}", name


def test_what_could_reach_aws_by_itself_is_off_until_an_admin_says_so() -> None:
    """Switches are unchecked and rules are blank in an org that was just deployed."""
    fields = SOURCE.objects[names.SETTINGS]
    for name in (
        names.Settings.SHARE_AUTOMATICALLY,
        names.Settings.UPDATE_AUTOMATICALLY,
        names.Settings.BESIDE_OTHER_INTEGRATION,
        names.FileSettings.OPPORTUNITIES_OVER_S3,
    ):
        assert text(fields[name], "defaultValue") == "false", name
    for name in (names.Settings.SHARE_RULE, names.Settings.ACCEPT_RULE):
        assert not text(fields[name], "defaultValue"), name
