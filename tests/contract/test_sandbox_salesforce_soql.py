"""SOQL in the sandbox org: what it finds, how it nests, what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from salesforce_sandbox import World, running_org, write_metadata

from connector.sandbox.salesforce.soql_functions import like
from connector.sandbox.salesforce.soql_query import compile_query
from connector.sandbox.salesforce.soql_syntax import parse


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An org with four deals of two accounts, two lines, and one deal in the recycle bin."""
    folder = tmp_path_factory.mktemp("org")
    with running_org(write_metadata(folder / "source"), folder / "keys") as found:
        acme, zeta = found.org.insert("Account", [{"Name": "Acme"}, {"Name": "zeta"}])
        found.org.insert(
            "Deal__c",
            [
                {
                    "Title__c": "one",
                    "Key__c": "K1",
                    "Amount__c": 10,
                    "Account__c": acme,
                    "Stage__c": "Open",
                    "Tags__c": "A;B",
                },
                {
                    "Title__c": "Two",
                    "Key__c": "K2",
                    "Amount__c": 20,
                    "Account__c": acme,
                    "Stage__c": "Won",
                    "Tags__c": "B;C",
                },
                {"Title__c": "thr%e", "Key__c": "K3", "Amount__c": 30, "Account__c": zeta, "Close__c": "2026-01-31"},
                {"Title__c": "Fo'ur\\", "Key__c": "K4", "Seen__c": "2026-01-31T23:30:00Z", "Active__c": False},
                {"Title__c": "gone", "Key__c": "K5"},
            ],
            at=datetime(2026, 1, 15, 12, tzinfo=UTC),
        )
        rows = {row["Key__c"]: row["Id"] for row in found.org.rows("SELECT Id, Key__c FROM Deal__c")}
        found.org.delete("Deal__c", rows["K5"])
        found.org.insert("Deal_Line__c", [{"Deal__c": rows["K1"]}, {"Deal__c": rows["K1"]}, {"Deal__c": rows["K2"]}])
        yield found


def keys(world: World, where: str, **options: Any) -> str:
    rows = world.worker.rows(f"SELECT Key__c FROM Deal__c WHERE {where} ORDER BY Key__c", **options)
    return "".join(row["Key__c"][1] for row in rows)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Title__c = 'ONE'", "1"),
        ("Title__c != 'one'", "234"),
        ("Stage__c != 'Won'", "134"),
        ("NOT Stage__c = 'Won'", "134"),
        ("Stage__c NOT IN ('Won', 'Open')", "34"),
        ("Stage__c IN ('won', null)", "234"),
        ("Stage__c = null", "34"),
        ("Stage__c = ''", "34"),
        ("Amount__c > 10", "23"),
        ("NOT Amount__c > 10", "14"),
        ("Amount__c >= 1.0E1 AND Amount__c <= 20.00", "12"),
        ("Title__c LIKE 't%'", "23"),
        ("Title__c LIKE 'THR\\%_'", "3"),
        ("Title__c LIKE '_ne'", "1"),
        ("NOT Title__c LIKE 't%'", "14"),
        ("Title__c = 'fo\\'ur\\\\'", "4"),
        ("Title__c = '\\u006Fne'", "1"),
        ("Tags__c INCLUDES ('A;B', 'C')", "12"),
        ("Tags__c EXCLUDES ('A')", "234"),
        ("Active__c = FALSE", "4"),
        ("Close__c = 2026-01-31", "3"),
        ("Seen__c > 2026-01-31T23:30:00.000+0100 AND Seen__c <= 2026-01-31T23:30:00Z", "4"),
        ("Close__c = LAST_N_YEARS:5 OR Close__c = THIS_YEAR", "3"),
        ("Account__r.Name = 'ACME' AND Account__r.Owner.IsActive = true", "12"),
        ("Account__r.Name = null", "4"),
        ("(Stage__c = 'Won' AND Amount__c = 20) OR (NOT Active__c = TRUE)", "24"),
        ("Id IN (SELECT Deal__c FROM Deal_Line__c WHERE Name != 'L03')", "1"),
        ("Id NOT IN (SELECT Deal__c FROM Deal_Line__c)", "34"),
        ("Account__c IN (SELECT Id FROM Account WHERE Name LIKE 'Z%')", "3"),
        ("CreatedDate = 2026-01-15T12:00:00Z AND CALENDAR_YEAR(CreatedDate) = 2026", "1234"),
        ("CreatedDate < TODAY", "1234"),
        ("DAY_ONLY(CreatedDate) = 2026-01-15", "1234"),
        ("Doubled__c = 0", "4"),
        ("Customer__c LIKE 'ac%'", "12"),
        ("deal__c.TITLE__C = 'one'", "1"),
    ],
)
def test_conditions_find_what_salesforce_finds(world: World, where: str, expected: str) -> None:
    assert keys(world, where) == expected


def test_answers_use_canonical_names_and_nest_parents(world: World) -> None:
    rows = world.worker.rows(
        "select KEY__C, account__r.owner.name, account__r.NAME from deal__C d "
        "where d.key__c in ('K1','K4') order by key__c"
    )
    for row in rows:
        if row["Account__r"]:
            assert row["Account__r"].pop("attributes")["type"] == "Account"
            assert row["Account__r"]["Owner"].pop("attributes")["type"] == "User"
    assert rows == [
        {"Key__c": "K1", "Account__r": {"Owner": {"Name": "Sam Okafor"}, "Name": "Acme"}},
        {"Key__c": "K4", "Account__r": None},
    ]


def test_children_nest_with_their_own_conditions(world: World) -> None:
    soql = (
        "SELECT Key__c, (SELECT Name FROM Lines__r ORDER BY Name DESC LIMIT 1) FROM Deal__c "
        "WHERE Key__c IN ('K1', 'K3') ORDER BY Key__c"
    )
    first, third = world.worker.rows(soql)
    assert [row["Name"] for row in first["Lines__r"]["records"]] == ["L02"]
    assert first["Lines__r"]["done"] is True
    assert third["Lines__r"] is None


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("Title__c", "4132"),
        ("Amount__c DESC NULLS LAST, Key__c", "3214"),
        ("Amount__c", "4123"),
        ("Amount__c ASC NULLS LAST", "1234"),
        ("Account__r.Name DESC NULLS LAST, Key__c DESC", "3214"),
    ],
)
def test_order_is_salesforces(world: World, order: str, expected: str) -> None:
    """Text sorts without regard to case; nulls come first unless told otherwise."""
    rows = world.worker.rows(f"SELECT Key__c FROM Deal__c ORDER BY {order}")
    assert "".join(row["Key__c"][1] for row in rows) == expected


def test_nulls_come_first_even_when_descending(world: World) -> None:
    rows = world.worker.rows("SELECT Key__c FROM Deal__c ORDER BY Amount__c DESC")
    assert [row["Key__c"] for row in rows] == ["K4", "K3", "K2", "K1"]


def test_aggregates(world: World) -> None:
    soql = (
        "SELECT Account__r.Name customer, COUNT(Id), SUM(Amount__c) total, MAX(Title__c) FROM Deal__c "
        "GROUP BY Account__r.Name HAVING COUNT(Id) > 1"
    )
    answer = world.worker.query(soql).json()
    attributes = {"type": "AggregateResult"}
    assert answer["records"] == [
        {"attributes": attributes, "customer": "Acme", "expr0": 2, "total": 30.0, "expr1": "Two"}
    ]
    counted = world.worker.query("SELECT COUNT() FROM Deal__c WHERE Amount__c > 10").json()
    assert counted == {"totalSize": 2, "done": True, "records": []}


def test_columns_are_told_without_rows(world: World) -> None:
    """Salesforce's command line asks for them before it prints a table."""
    soql = "SELECT Id, Account__r.Name, (SELECT Name FROM Lines__r) FROM Deal__c"
    told = world.worker.get("query", params={"q": soql, "columns": "true"}).json()
    names = [(one["columnName"], [join["columnName"] for join in one["joinColumns"]]) for one in told["columnMetadata"]]
    assert names == [("Id", []), ("Account__r", ["Name"]), ("Lines__r", ["Name"])]
    counted = {"q": "SELECT Stage__c, COUNT(Id) FROM Deal__c GROUP BY Stage__c", "columns": "true"}
    grouped = world.worker.get("query", params=counted).json()["columnMetadata"]
    assert [one["columnName"] for one in grouped] == ["Stage__c", "expr0"]


def test_limit_offset_and_fields(world: World) -> None:
    assert [
        row["Key__c"] for row in world.worker.rows("SELECT Key__c FROM Deal__c ORDER BY Key__c LIMIT 2 OFFSET 1")
    ] == ["K2", "K3"]
    row = world.worker.rows("SELECT FIELDS(ALL) FROM Deal__c LIMIT 1")[0]
    assert {"Id", "Name", "Doubled__c", "Notes__c"} <= set(row)
    assert "Notes__c" not in world.worker.rows("SELECT FIELDS(STANDARD) FROM Deal__c")[0]


def test_labels_and_deleted_rows(world: World) -> None:
    assert world.worker.rows("SELECT toLabel(Stage__c) FROM Deal__c WHERE Key__c = 'K1'") == [{"Stage__c": "Open!"}]
    assert len(world.worker.rows("SELECT Id FROM Deal__c ALL ROWS")) == 5
    assert world.worker.rows("SELECT Key__c FROM Deal__c WHERE IsDeleted = true", "queryAll") == [{"Key__c": "K5"}]


@pytest.mark.parametrize(
    ("soql", "code", "part"),
    [
        ("SELECT Id FRM Deal__c", "MALFORMED_QUERY", "unexpected token: 'Deal__c'"),
        (
            "SELECT Id FROM Deal__c WHERE Name = 'a' AND Id = null OR Name = 'b'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM Deal__c WHERE Name = 'a\\q'", "MALFORMED_QUERY", "Illegal escape"),
        ("SELECT Id FROM Deal__c WHERE Id IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
        ("", "MALFORMED_QUERY", "<EOF>"),
        ("SELECT Nope__c FROM Deal__c", "INVALID_FIELD", "No such column 'Nope__c' on entity 'Deal__c'"),
        ("SELECT Nope__r.Name FROM Deal__c", "INVALID_FIELD", "Didn't understand relationship 'Nope__r'"),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE", "sObject type 'Nope__c' is not supported"),
        ("SELECT Id FROM Deal__c WHERE Notes__c = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Deal__c ORDER BY Notes__c", "MALFORMED_QUERY", "can not be sorted"),
        ("SELECT Id FROM Deal__c WHERE Amount__c = '5'", "INVALID_FIELD", "should not be enclosed in quotes"),
        ("SELECT Id FROM Deal__c WHERE Title__c = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Deal__c WHERE Seen__c = 2026-01-01", "INVALID_FIELD", "must be of type datetime"),
        ("SELECT Id FROM Deal__c WHERE Close__c = 2026-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date"),
        ("SELECT Id FROM Deal__c WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        ("SELECT Id, id FROM Deal__c", "MALFORMED_QUERY", "duplicate field selected"),
        ("SELECT Id FROM Deal__c OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "offset"),
        ("SELECT FIELDS(ALL) FROM Deal__c", "MALFORMED_QUERY", "LIMIT of at most 200"),
        (
            "SELECT Title__c, COUNT(Id) FROM Deal__c GROUP BY Stage__c",
            "MALFORMED_QUERY",
            "grouped or aggregated: Title__c",
        ),
        ("SELECT Notes__c, COUNT(Id) FROM Deal__c GROUP BY Notes__c", "MALFORMED_QUERY", "can not be grouped"),
        ("SELECT Id FROM Deal__c WHERE Tags__c INCLUDES 'A'", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Deal__c WHERE Close__c = SOMEDAY", "MALFORMED_QUERY", "SOMEDAY"),
        ("SELECT Parent.Parent.Parent.Parent.Parent.Parent.Name FROM Account", "MALFORMED_QUERY", "maximum depth"),
        (
            "SELECT Id, (SELECT Id FROM Nope__r) FROM Deal__c",
            "INVALID_TYPE",
            "Didn't understand relationship 'Nope__r'",
        ),
    ],
)
def test_wrong_queries_are_refused(world: World, soql: str, code: str, part: str) -> None:
    answer = world.worker.query(soql)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code), answer.text
    assert part in answer.json()[0]["message"]


def test_a_refusal_tells_the_place(world: World) -> None:
    assert "ERROR at Row:1:Column:12" in world.worker.query("SELECT Id, Nope__c FROM Deal__c").json()[0]["message"]


texts = st.text(st.sampled_from("aAbBéÉ%_'\\ \n"), max_size=5)
amounts = st.one_of(st.none(), st.integers(-99, 99))
stages = st.one_of(st.none(), st.sampled_from(["Open", "Won", "Lost"]))
rows_of_deals = st.lists(st.tuples(texts, amounts, stages), max_size=8)


def quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def literal(value: Any) -> str:
    return "null" if value is None else quote(value) if isinstance(value, str) else str(value)


comparisons = st.one_of(
    st.tuples(st.just("Mood__c"), st.sampled_from(["=", "!="]), texts),
    st.tuples(st.just("Count__c"), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(-99, 99)),
    st.tuples(st.just("Stage__c"), st.sampled_from(["=", "!="]), stages),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(st.just("NOT"), inner),
        st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)


def as_soql(node: Any) -> str:
    if node[0] == "NOT":
        return f"(NOT {as_soql(node[1])})"
    if node[0] in {"AND", "OR"}:
        return "(" + f" {node[0]} ".join(as_soql(one) for one in node[1]) + ")"
    return f"{node[0]} {node[1]} {literal(node[2])}"


def holds(node: Any, row: dict[str, Any]) -> bool:
    """Judge a row as Salesforce does: text without case, null unequal to all values and neither smaller nor greater."""
    if node[0] == "NOT":
        return not holds(node[1], row)
    if node[0] in {"AND", "OR"}:
        judge = all if node[0] == "AND" else any
        return judge(holds(one, row) for one in node[1])
    left, right = row[node[0]], node[2]
    if isinstance(right, str):
        right = right.casefold() or None
    left = left.casefold() if isinstance(left, str) else left
    if node[1] in {"=", "!="}:
        return (left == right) == (node[1] == "=")
    if left is None:
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[node[1]]


@given(rows_of_deals, conditions)
def test_conditions_agree_with_a_filter_over_plain_rows(world: World, data: list[Any], condition: Any) -> None:
    with world.org.lock:
        world.org.storage.execute("SAVEPOINT example")
        try:
            world.org.storage.execute('DELETE FROM "Deal__c"')
            rows = [
                {"Title__c": "x", "Amount__c": 1, "Mood__c": mood, "Count__c": count, "Stage__c": stage}
                for mood, count, stage in data
            ]
            ids = world.org.insert("Deal__c", rows)
            found = {row["Id"] for row in world.org.rows(f"SELECT Id FROM Deal__c WHERE {as_soql(condition)}")}
        finally:
            world.org.storage.execute("ROLLBACK TO example")
            world.org.storage.execute("RELEASE example")
    stored = [{**row, "Mood__c": (row["Mood__c"] or "").strip() or None} for row in rows]
    assert found == {one for one, row in zip(ids, stored, strict=True) if holds(condition, row)}


@given(texts)
def test_like_takes_escaped_text_literally(text: str) -> None:
    escaped = quote(text)[1:-1].replace("%", "\\%").replace("_", "\\_")
    pattern = parse(f"SELECT Id FROM A WHERE b LIKE '{escaped}'").where.right.value
    assert like(text, pattern) == 1
    assert like(text + "x", pattern) == 0


def test_a_window_over_the_modstamp_uses_its_index(world: World) -> None:
    now = datetime.now(UTC)
    low, high = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (now - timedelta(minutes=1), now))
    soql = (
        f"SELECT Id FROM Deal__c WHERE SystemModstamp >= {low} AND SystemModstamp < {high} ORDER BY SystemModstamp, Id"
    )
    with world.org.lock:
        statements: list[str] = []
        world.org.storage.connection.set_trace_callback(statements.append)
        compile_query(world.org, world.org.user("admin"), soql, version="67.0").ids()
        world.org.storage.connection.set_trace_callback(None)
        plan = " ".join(row[3] for row in world.org.storage.execute(f"EXPLAIN QUERY PLAN {statements[-1]}"))
    assert "USING INDEX Deal__c.SystemModstamp" in plan
    assert "TEMP B-TREE" not in plan
