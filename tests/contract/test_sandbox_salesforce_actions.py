"""Quick actions, before-save flows and custom permissions of the source behave in the sandbox org."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from salesforce_sandbox import Client, World, running_org, write_metadata

from connector.sandbox.clock import SandboxClock
from connector.sandbox.salesforce import Org
from connector.sandbox.salesforce.metadata import MetadataError

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<{0} xmlns="http://soap.sforce.com/2006/04/metadata">{1}</{0}>\n'
SET = (
    "<customPermissions><enabled>true</enabled><name>Freehand</name></customPermissions><label>Set</label>"
    "<objectPermissions><allowCreate>true</allowCreate><allowDelete>true</allowDelete><allowEdit>true</allowEdit>"
    "<allowRead>true</allowRead><modifyAllRecords>true</modifyAllRecords><object>Deal__c</object>"
    "<viewAllRecords>true</viewAllRecords></objectPermissions>"
)
DETAILS = SET.partition("</label>")[2].replace("Deal__c", "Deal_Line__c")
FIELDS = "".join(
    f"<fieldPermissions><editable>true</editable><field>Deal__c.{one}</field><readable>true</readable></fieldPermissions>"
    for one in (
        "Key__c",
        "Notes__c",
        "Amount__c",
        "Count__c",
        "Close__c",
        "Seen__c",
        "Mood__c",
        "Stage__c",
        "Active__c",
    )
)
RULE = (
    "<fullName>Freehand_Only</fullName><active>true</active><errorConditionFormula>AND(NOT($Permission.Freehand), "
    'Notes__c = "free")</errorConditionFormula><errorMessage>Not without permission.</errorMessage>'
)
START = (
    "<start><connector><targetReference>{first}</targetReference></connector>{entry}<object>Deal__c</object>"
    "<recordTriggerType>{when}</recordTriggerType><triggerType>{trigger}</triggerType></start><status>{status}</status>"
)
BLANK = (
    "<recordUpdates><name>Blank</name>"
    "<inputAssignments><field>Key__c</field><value><elementReference>$GlobalConstant.EmptyString</elementReference>"
    "</value></inputAssignments><inputAssignments><field>Seen__c</field><value><elementReference>Never"
    "</elementReference></value></inputAssignments><inputAssignments><field>Active__c</field><value><booleanValue>false"
    "</booleanValue></value></inputAssignments><inputReference>$Record</inputReference></recordUpdates>"
    "<variables><name>Never</name><dataType>DateTime</dataType></variables>"
)
ENTRY = "<filterFormula>AND(NOT({!$Permission.Freehand}), NOT(ISBLANK({!$Record.Key__c})))</filterFormula>"
SORTING = (
    "<decisions><name>Sort</name><defaultConnector><targetReference>Small</targetReference></defaultConnector><rules>"
    "<name>Large</name><conditionLogic>and</conditionLogic><conditions><leftValueReference>$Record.Amount__c"
    "</leftValueReference><operator>GreaterThan</operator><rightValue><numberValue>100</numberValue></rightValue>"
    "</conditions><connector><targetReference>Big</targetReference></connector></rules></decisions>"
    "<assignments><name>Big</name><assignmentItems><assignToReference>$Record.Count__c</assignToReference><operator>Assign"
    "</operator><value><elementReference>Tenth</elementReference></value></assignmentItems></assignments>"
    "<assignments><name>Small</name><assignmentItems><assignToReference>$Record.Mood__c</assignToReference><operator>Assign"
    "</operator><value><stringValue>Good</stringValue></value></assignmentItems></assignments>"
    "<formulas><name>Tenth</name><dataType>Number</dataType><expression>{!$Record.Amount__c} / 10</expression>"
    "</formulas>"
)
SORT_ENTRY = (
    "<filterLogic>and</filterLogic><filters><field>Stage__c</field><operator>EqualTo</operator><value><stringValue>Lost"
    "</stringValue></value></filters><filters><field>Amount__c</field><operator>IsNull</operator><value><booleanValue>"
    "false</booleanValue></value></filters>"
)
ACTION = (
    "<fieldOverrides><field>Title__c</field><literalValue>Follow-up</literalValue></fieldOverrides><fieldOverrides><field>"
    'Notes__c</field><formula>"After " &amp; Account.Name</formula></fieldOverrides><fieldOverrides><field>Active__c'
    "</field><literalValue>false</literalValue></fieldOverrides><label>New Deal</label><quickActionLayout>"
    "<quickActionLayoutColumns><quickActionLayoutItems><field>Amount__c</field><uiBehavior>Required</uiBehavior>"
    "</quickActionLayoutItems></quickActionLayoutColumns></quickActionLayout><successMessage>Done.</successMessage>"
    "<targetObject>Deal__c</targetObject><targetParentField>Account__c</targetParentField><type>Create</type>"
)
UPDATE = (
    "<fieldOverrides><field>Active__c</field><formula>TRUE</formula></fieldOverrides><label>Wake</label>"
    "<type>Update</type>"
)


def flow(body: str, *, first: str, entry: str = "", when: str = "Create", trigger: str = "RecordBeforeSave",
         status: str = "Active") -> str:  # fmt: skip
    """Return the XML of a flow on deals."""
    start = START.format(first=first, entry=entry, when=when, trigger=trigger, status=status)
    return HEAD.format("Flow", f"<label>Flow</label><processType>AutoLaunchedFlow</processType>{body}{start}")


def write(source: Path, path: str, text: str) -> None:
    target = source / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf8")


def write_source(folder: Path) -> Path:
    """Write the source; the integration user alone has the custom permission Freehand."""
    source = write_metadata(folder)
    account = (
        FIELDS + FIELDS.partition("</fieldPermissions>")[0].replace("Key__c", "Account__c") + "</fieldPermissions>"
    )
    sets = {"Integration": SET, "Sales": SET.partition("</customPermissions>")[2]}
    for name, body in sets.items():
        text = HEAD.format("PermissionSet", body + DETAILS + account)
        write(source, f"permissionsets/{name}.permissionset-meta.xml", text)
    permission = HEAD.format("CustomPermission", "<isLicensed>false</isLicensed><label>Freehand</label>")
    write(source, "customPermissions/Freehand.customPermission-meta.xml", permission)
    write(
        source,
        "objects/Deal__c/validationRules/Freehand_Only.validationRule-meta.xml",
        HEAD.format("ValidationRule", RULE),
    )
    write(source, "flows/Blank_Copies.flow-meta.xml", flow(BLANK, first="Blank", entry=ENTRY))
    write(source, "flows/Sort.flow-meta.xml", flow(SORTING, first="Sort", entry=SORT_ENTRY, when="CreateAndUpdate"))
    write(source, "flows/Draft.flow-meta.xml", flow("<loops><name>L</name></loops>", first="L", status="Draft"))
    write(source, "quickActions/Account.New_Deal.quickAction-meta.xml", HEAD.format("QuickAction", ACTION))
    write(source, "quickActions/Deal__c.Wake.quickAction-meta.xml", HEAD.format("QuickAction", UPDATE))
    screen = HEAD.format("QuickAction", "<flowDefinition>Talk</flowDefinition><label>Talk</label><type>Flow</type>")
    write(source, "quickActions/Deal__c.Talk.quickAction-meta.xml", screen)
    return source


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("org")
    with running_org(write_source(folder / "source"), folder / "keys") as found:
        yield found


@pytest.fixture
def world(shared: World) -> World:
    shared.org.reset()
    return shared


def deal(client: Client, record: str) -> dict[str, Any]:
    return dict(client.get(f"sobjects/Deal__c/{record}").json())


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, str(answer.json()[0]["errorCode"])


# -- custom permissions


def test_a_rule_asks_for_a_custom_permission(world: World) -> None:
    """It spares whoever has it by a permission set, admins included; the set taken away, the rule holds at once."""
    admin = Client(world.url, world.org.launch_info()["users"]["admin"]["access_token"])
    body = {"Title__c": "T", "Notes__c": "free"}
    assert world.worker.post("sobjects/Deal__c", body).status_code == 201
    for client in (world.seller, admin):
        assert refusal(client.post("sobjects/Deal__c", body)) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    [given] = admin.rows("SELECT Id FROM PermissionSet WHERE Name = 'Integration'")
    grant = {"PermissionSetId": given["Id"], "AssigneeId": world.org.user("seller")}
    made = admin.post("sobjects/PermissionSetAssignment", grant).json()["id"]
    assert world.seller.post("sobjects/Deal__c", body).status_code == 201
    admin.send("DELETE", f"sobjects/PermissionSetAssignment/{made}")
    assert refusal(world.seller.post("sobjects/Deal__c", body)) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")


# -- flows


def test_a_flow_changes_a_new_row_before_it_is_saved(world: World) -> None:
    """Constants, no value and a variable without one; by its entry formula, and only on create."""
    body = {"Key__c": "K1", "Seen__c": "2026-01-01T00:00:00Z", "Active__c": True}
    made = deal(world.seller, world.seller.deal(**body))
    assert (made["Key__c"], made["Seen__c"], made["Active__c"]) == (None, None, False)
    spared = deal(world.worker, world.worker.deal(**body))
    assert (spared["Key__c"], spared["Active__c"]) == ("K1", True)
    plain = world.seller.deal(Active__c=True)
    assert deal(world.seller, plain)["Active__c"] is True, "no key, no entry"
    assert world.seller.patch(f"sobjects/Deal__c/{plain}", {"Key__c": "K2"}).status_code == 204
    assert deal(world.seller, plain)["Key__c"] == "K2", "the flow looks at new rows only"


@pytest.mark.parametrize(
    ("fields", "count", "mood"),
    [
        ({"Stage__c": "Lost", "Amount__c": 250}, 25.0, None),
        ({"Stage__c": "Lost", "Amount__c": 100}, None, "Good"),
        ({"Stage__c": "Lost"}, None, None),
        ({"Stage__c": "Open", "Amount__c": 250}, None, None),
    ],
)
def test_a_flow_decides_by_the_row(world: World, fields: dict[str, Any], count: float | None, mood: str | None) -> None:
    """Filters let it begin, a decision says where it goes on; alike when a row is changed."""
    made = deal(world.seller, world.seller.deal(**fields))
    assert (made["Count__c"], made["Mood__c"]) == (count, mood)
    later = world.seller.deal()
    world.seller.patch(f"sobjects/Deal__c/{later}", fields)
    changed = deal(world.seller, later)
    assert (changed["Count__c"], changed["Mood__c"]) == (count, mood)


def test_a_flow_that_cannot_go_on_refuses_the_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tenth of the amount does not fit into a count of one digit."""
    fields = world.org.schema["Deal__c"].fields
    monkeypatch.setitem(fields, "count__c", replace(fields["count__c"], precision=1))
    answer = world.seller.post("sobjects/Deal__c", {"Title__c": "T", "Stage__c": "Lost", "Amount__c": 250})
    assert refusal(answer) == (400, "CANNOT_EXECUTE_FLOW_TRIGGER")


Break = Callable[[Path], None]


def broken(text: str) -> Break:
    return lambda source: write(source, "flows/New.flow-meta.xml", text)


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (broken(flow("<loops><name>L</name></loops>", first="L")), "flow New: this org does not run loops before"),
        (broken(flow(BLANK.replace("Key__c", "Gone__c"), first="Blank")), "flow New: Deal__c has no field Gone__c"),
        (broken(flow(BLANK, first="Else")), "flow New: no element Else"),
        (broken(flow(BLANK, first="Blank", when="Delete")), "flow New: this org does not start flows on Delete"),
        (
            broken(flow(BLANK, first="Blank", entry=ENTRY.replace("Freehand", "Gone"))),
            "flow New: no custom permission gone",
        ),
        (
            broken(flow(BLANK, first="Blank", entry="<filterFormula>AND(</filterFormula>")),
            "flow New: the formula 'AND\\(' cannot be read",
        ),
        (
            broken(flow("<recordCreates><name>C</name></recordCreates>", first="C", trigger="RecordAfterSave")),
            "flow New: this org does not run recordCreates after saving",
        ),
        (
            lambda source: write(
                source, "quickActions/Deal__c.New.quickAction-meta.xml",
                HEAD.format("QuickAction", UPDATE.replace("Active__c", "Gone__c")),
            ),
            "quick action Deal__c.New: Deal__c has no field Gone__c",
        ),
        (
            lambda source: (source / "customPermissions/Freehand.customPermission-meta.xml").unlink(),
            "permission set .*: no custom permission freehand",
        ),
        (
            lambda source: write(
                source, "objects/Deal_Line__c/Deal_Line__c.object-meta.xml",
                HEAD.format("CustomObject", "<label>Line</label><sharingModel>Private</sharingModel>"),
            ),
            "Deal_Line__c: details, and only they, have the sharing model ControlledByParent",
        ),
    ],
)  # fmt: skip
def test_a_source_that_the_org_cannot_honour_is_refused(tmp_path: Path, break_it: Break, problem: str) -> None:
    """When the org starts, by the name of the file and of what is wrong in it."""
    source = write_source(tmp_path / "source")
    break_it(source)
    with pytest.raises(MetadataError, match=problem):
        Org(source, SandboxClock(), directory=tmp_path / "keys")


# -- quick actions. [U] The shapes of their resources: no reference at hand shows them.


def account(world: World) -> str:
    [made] = world.org.insert("Account", [{"Name": "Vineyard"}])
    return made


def test_quick_actions_are_listed_and_described(world: World) -> None:
    """Those that write a row; with the preset values as written, the field of the parent and the layout."""
    [listed] = world.seller.get("sobjects/Account/quickActions").json()
    assert (listed["name"], listed["label"], listed["type"]) == ("Account.New_Deal", "New Deal", "Create")
    assert [one["name"] for one in world.seller.get("sobjects/Deal__c/quickActions").json()] == ["Deal__c.Wake"]
    shown = world.seller.get("sobjects/Account/quickActions/New_Deal").json()
    assert shown["targetSobjectType"] == "Deal__c"
    described = world.seller.get(shown["urls"]["describe"]).json()
    assert described["targetParentField"] == "Account__c"
    assert {"field": "Title__c", "value": "Follow-up"} in described["defaultValues"]
    [row] = described["layout"]["layoutRows"]
    assert row["layoutItems"][0]["layoutComponents"][0]["value"] == "Amount__c"
    assert row["layoutItems"][0]["required"] is True


def test_preset_values_come_from_the_context_record(world: World) -> None:
    """Without a record only the literals; of a record that nobody sees none."""
    made, path = account(world), "sobjects/Account/quickActions/New_Deal/defaultValues"
    literal = {"Title__c": "Follow-up", "Active__c": False}
    found = world.seller.get(path).json()
    assert {name: found[name] for name in found if name != "attributes"} == literal
    found = world.seller.get(f"{path}/{made}").json()
    expected = literal | {"Notes__c": "After Vineyard", "Account__c": made}
    assert {name: found[name] for name in found if name != "attributes"} == expected
    assert refusal(world.seller.get(f"{path}/001000000000001AAA")) == (404, "NOT_FOUND")


def test_an_action_creates_a_row_beside_its_record(world: World) -> None:
    """With the presets, what the user entered, and the reference to the record; the user is its creator."""
    made = account(world)
    body = {"contextId": made, "record": {"Amount__c": 12, "Title__c": "Mine"}}
    answer = world.seller.post("sobjects/Account/quickActions/New_Deal", body)
    assert (answer.status_code, answer.json()["success"], answer.json()["contextId"]) == (201, True, made)
    row = deal(world.seller, answer.json()["id"])
    assert (row["Title__c"], row["Amount__c"], row["Notes__c"]) == ("Mine", 12.0, "After Vineyard")
    assert (row["Account__c"], row["Active__c"]) == (made, False)
    assert row["CreatedById"] == world.org.user("seller")


def test_an_action_changes_its_record(world: World) -> None:
    """With the presets and what the user entered."""
    made = world.seller.deal(Active__c=False)
    answer = world.seller.post("sobjects/Deal__c/quickActions/Wake", {"contextId": made, "record": {"Notes__c": "up"}})
    assert (answer.status_code, answer.json()["id"]) == (200, made)
    row = deal(world.seller, made)
    assert (row["Active__c"], row["Notes__c"]) == (True, "up")


def test_an_action_is_refused_like_the_write_that_it_is(world: World) -> None:
    """By the checks of the row; unknown actions, records and actions that need a browser are not found."""
    path = "sobjects/Account/quickActions/New_Deal"
    body = {"contextId": account(world), "record": {"Title__c": "x" * 11}}
    assert refusal(world.seller.post(path, body)) == (400, "STRING_TOO_LONG")
    assert refusal(world.seller.post(path, {"contextId": "001000000000001AAA"})) == (404, "NOT_FOUND")
    assert refusal(world.seller.post(path, {})) == (400, "MALFORMED_ID")
    for gone in ("sobjects/Deal__c/quickActions/Talk", "sobjects/Account/quickActions/Gone"):
        assert refusal(world.seller.get(gone)) == (404, "NOT_FOUND")
