"""Parts of the web pages by themselves: who is let in, what a list shows, what a form remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.admin.web.access import IDLE_SECONDS, LONGEST_WAIT, MOST_SESSIONS, Access, Role, SlowDown, read_passwords
from connector.admin.web.drafts import OWN_FIELDS, fingerprint
from connector.admin.web.guard import safe_path
from connector.admin.web.listing import Listing
from connector.admin.web.rendering import PLACE, render
from connector.admin.web.site import listen, site_of
from connector.admin.web.value_pages import Choices
from connector.errors import ConfigError
from connector.mapping.model import FieldMapping
from connector.mapping.model import Mapping as FieldMap
from connector.names import SyncFields
from connector.service.config import WebSection

LINK = "the-printed-token"
WORDS = {Role.EDITOR: "the editors' password", Role.VIEWER: "the viewers' password"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def access(clock: Clock, *, link: str = "", passwords: Mapping[Role, str] = WORDS) -> Access:
    return Access(link=link, passwords=lambda: passwords, who="someone", now=clock)


# Access


def test_a_password_opens_a_session_of_its_role() -> None:
    gate = access(Clock())
    for role, words in WORDS.items():
        session = gate.session(gate.enter(words) or "")
        assert session is not None
        assert (session.role, session.can_edit) == (role, role is Role.EDITOR)


def test_wrong_passwords_make_the_next_one_wait_longer_and_longer_even_the_right_one() -> None:
    clock = Clock()
    gate, waits = access(clock), []
    for _ in range(12):
        try:
            assert gate.enter("a guess") is None
        except SlowDown as error:
            waits.append(error.seconds)
            with pytest.raises(SlowDown):
                gate.enter(WORDS[Role.EDITOR])
            clock.now += error.seconds
    assert waits == sorted(waits)
    assert waits[0] >= 1
    clock.now += LONGEST_WAIT
    assert gate.enter(WORDS[Role.EDITOR])
    assert gate.enter("a guess") is None, "and the count begins anew"


def test_guessing_keeps_nobody_out_who_has_the_link() -> None:
    gate = access(Clock(), link=LINK, passwords={})
    for _ in range(3):
        gate.enter("a guess")
    with pytest.raises(SlowDown):
        gate.enter("a guess")
    assert gate.enter(LINK)


def test_without_link_and_password_nothing_lets_in() -> None:
    assert access(Clock(), passwords={}).enter("") is None


def test_a_session_ends_when_it_is_left_or_unused_for_long() -> None:
    clock = Clock()
    gate = access(clock)
    first, second = gate.enter(WORDS[Role.EDITOR]) or "", gate.enter(WORDS[Role.EDITOR]) or ""
    clock.now += IDLE_SECONDS
    assert gate.session(first)
    clock.now += 1
    assert gate.session(first)
    assert gate.session(second) is None
    gate.leave(first)
    assert gate.session(first) is None


def test_sessions_are_bounded_and_the_one_unused_longest_goes_first() -> None:
    clock = Clock()
    gate, keys = access(clock), []
    for _ in range(MOST_SESSIONS + 1):
        clock.now += 1
        keys.append(gate.enter(WORDS[Role.EDITOR]) or "")
    assert gate.session(keys[0]) is None
    assert gate.session(keys[1])


@pytest.mark.parametrize(("given", "told"), [
    ({"password": "short"}, "shorter than 12"),
    ({"viewer_password": "long enough for this"}, "set without password"),
    ({"password": "long enough for this", "viewer_password": "long enough for this"}, "the same"),
    ({"password": ""}, "shorter than 12"),
])  # fmt: skip
def test_passwords_that_are_no_protection_are_refused(tmp_path: Path, given: dict[str, str], told: str) -> None:
    for name, text in given.items():
        (tmp_path / name).write_text(text, encoding="utf8")
    web = WebSection(**{name: f"file:{tmp_path / name}" for name in given})
    with pytest.raises(ConfigError, match=told) as caught:
        read_passwords(web)
    assert "long enough" not in str(caught.value)


# Addresses


@given(st.text())
def test_no_text_leads_away_from_the_pages(text: str) -> None:
    path = safe_path(text)
    assert path.startswith("/")
    assert not path.startswith("//")
    assert "\\" not in path
    assert path.isprintable()


def test_only_the_sites_own_names_are_hosts() -> None:
    local = site_of(WebSection(), 8123)
    assert local.hosts == {"127.0.0.1:8123", "localhost:8123", "[::1]:8123"}
    assert local.origins == {f"http://{host}" for host in local.hosts}
    proxied = site_of(WebSection(bind="0.0.0.0:8123", url="https://connector.acme.example"), 8123)
    assert (proxied.hosts, proxied.secure) == ({"connector.acme.example"}, True)
    assert proxied.origins == {"https://connector.acme.example"}


@pytest.mark.parametrize("web", [
    WebSection(bind="0.0.0.0:0"), WebSection(bind="[::]:0"), WebSection(bind="127.0.0.1:99999"),
    WebSection(bind="some.host:80"), WebSection(bind="10.0.0.1:0", url="http://127.0.0.1:80"),
])  # fmt: skip
def test_an_address_open_to_others_needs_https_in_front_of_it(web: WebSection) -> None:
    with pytest.raises(ConfigError, match=r"\[web\]"):
        listen(web)


def test_a_public_address_with_a_path_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be an origin"):
        site_of(WebSection(url="https://acme.example/connector"), 1)


# Lists and forms


@given(st.dictionaries(st.sampled_from(["view", "need", "search", "page"]), st.text(max_size=130)))
def test_a_listing_finds_its_way_back_whatever_was_asked(parameters: dict[str, str]) -> None:
    listing = Listing.of(parameters)
    assert Listing.back(listing.query) == listing
    assert listing.page >= 1


@given(st.text())
def test_nothing_in_the_way_back_breaks_the_list(text: str) -> None:
    assert Listing.back(text).pages(0) == 1


def test_what_a_form_saw_changes_with_its_own_scope_only() -> None:
    one, two = FieldMapping("stage", "A__c", inbound=True), FieldMapping("nextStep", "B__c", inbound=True)
    mapping = FieldMap("opportunity", "Deal__c", 0, (one, two), SyncFields("", "", "", "", ""))
    changed = mapping.with_field(replace(two, inbound=False))
    assert fingerprint(mapping, "stage") == fingerprint(changed, "stage")
    assert fingerprint(mapping, "nextStep") != fingerprint(changed, "nextStep")
    assert fingerprint(mapping, OWN_FIELDS) == fingerprint(changed, OWN_FIELDS)
    assert fingerprint(mapping) != fingerprint(changed)
    moved = replace(mapping, object_name="Other__c")
    assert all(fingerprint(mapping, scope) != fingerprint(moved, scope) for scope in ("stage", OWN_FIELDS, ""))
    assert fingerprint(None) == fingerprint(None, "stage")


def test_choices_that_do_not_apply_are_kept_in_the_form_and_not_stored() -> None:
    choices = Choices({"A": "x", "B": "x", "C": ""}, {"x": "A", "y": "B", "z": ""}, {"x": "A", "y": "B"})
    stored = choices.picklist()
    assert stored.primary == {"A": "x", "B": "x"}
    assert stored.additional == {"y": "B"}
    assert stored.defaults == {"x": "A"}


# Templates


def test_templates_escape_everything_and_name_no_other_site() -> None:
    """SEC-06: there is no way around the escaping, in any template."""
    forbidden = ("|safe", "| safe", "autoescape", "Markup", "http://", "https://", "<style", " style=", "onclick")
    for path in sorted((PLACE / "templates").glob("*.html")):
        text = path.read_text(encoding="utf8")
        assert not [one for one in forbidden if one in text], path.name
    for path in (PLACE / "static").iterdir():
        text = path.read_text(encoding="utf8").replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text, path.name
        assert "url(" not in text, path.name
    assert "&lt;script&gt;&#39;&#34;" in render("refused.html", words="<script>'\"")
