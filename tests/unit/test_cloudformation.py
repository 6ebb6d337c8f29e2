"""CloudFormation templates of events: valid, deployable alone, strict about parameters, exact in what is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bus_events import (
    ACCOUNT,
    CHANGE_SET,
    CHANGE_SETS,
    FIVE_KINDS,
    INVITATION,
    OFFER,
    OPPORTUNITY,
    SNAPSHOT,
    change_set_event,
    envelope,
    invitation_event,
    offer_released_event,
    opportunity_event,
)
from hypothesis import given
from hypothesis import strategies as st

from connector.sandbox.events.patterns import InvalidPattern, check_pattern, matches
from connector.sandbox.events.rules import Rule, rules_of
from connector.sandbox.events.stack import Place, Stack, TemplateRefused, read_template
from connector.sandbox.events.transformer import InvalidTransformer, NotTransformed, Transformer

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "deploy" / "cloudformation"
PARTNER_CENTRAL, MARKETPLACE, QUEUE = "partner-central-events", "marketplace-events", "partner-central-queue"
DOMAIN = "https://example.my.salesforce.com"
SALESFORCE = {"DomainUrl": DOMAIN, "ClientId": "3MVG9.key", "ClientSecret": "s3cret-of-the-app"}
ALL_EVENTS = "all events"


def make(template: str, place: Place | None = None, **parameters: str) -> Stack:
    """Return the stack of a template; one with an API destination gets an org."""
    given_ = parameters if template == QUEUE else SALESFORCE | parameters
    return Stack(read_template(TEMPLATES / f"{template}.yaml"), given_, place)


def rules(template: str, **parameters: str) -> dict[str, Rule]:
    """Return the rules of a template by the end of their names."""
    stack = make(template, **parameters)
    prefix = stack.of_kind("AWS::Events::Rule").values()
    names = {one.attributes["Arn"]: one.properties["Name"] for one in prefix}
    default = read_template(TEMPLATES / f"{template}.yaml")["Parameters"]["RuleNamePrefix"]["Default"]
    return {names[one.arn].removeprefix(f"{default}-"): one for one in rules_of(stack)}


def sent(rule: Rule, event: dict[str, Any]) -> Any:
    """Return what a rule's only target is sent."""
    [target] = rule.targets
    return json.loads(target.body(event))


def kinds(stack: Stack) -> list[str]:
    return sorted(one.kind for one in stack.resources.values())


@pytest.fixture(scope="module")
def verdict() -> subprocess.CompletedProcess[str]:
    """What CloudFormation's linter says of all templates, hints included."""
    linter = Path(sys.executable).with_name("cfn-lint")
    command = [linter, "--regions", "us-east-1", "--include-checks", "I", "--template", *TEMPLATES.glob("*.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.requirement("EVT-16", "EVT-17")
@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE, QUEUE])
def test_a_template_is_valid_and_makes_its_stack_alone(
    template: str, verdict: subprocess.CompletedProcess[str]
) -> None:
    """The linter finds nothing, and the template's own resources are all that its references lead to."""
    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")
    stack = make(template)
    assert all(stack.outputs.values())
    assert rules_of(stack)


@pytest.mark.requirement("EVT-19")
def test_a_stack_has_destination_connection_rules_dead_letters_and_role() -> None:
    """Named resources of IAM there are none: the plain acknowledgement of IAM resources is enough."""
    common = [
        "AWS::Events::ApiDestination", "AWS::Events::Connection", "AWS::IAM::Role", "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    ]  # fmt: skip
    assert kinds(make(PARTNER_CENTRAL)) == sorted([*common, *["AWS::Events::Rule"] * 5])
    assert kinds(make(PARTNER_CENTRAL, EventSelection="all-kinds")) == sorted([*common, "AWS::Events::Rule"])
    assert kinds(make(MARKETPLACE)) == sorted([*common, *["AWS::Events::Rule"] * 2])
    iam = [one for name in (PARTNER_CENTRAL, MARKETPLACE, QUEUE) for one in make(name).resources.values()]
    named = {"RoleName", "ManagedPolicyName", "UserName"}
    assert not any(named & set(one.properties) for one in iam if one.kind.startswith("AWS::IAM"))


@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE])
def test_what_cannot_be_delivered_goes_to_a_queue_that_keeps_it_for_two_weeks(template: str) -> None:
    """Every rule names the stack's own dead-letter queue, whose policy lets these rules in and no others."""
    stack = make(template)
    [queue] = stack.of_kind("AWS::SQS::Queue").values()
    assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert {target.dead_letters for rule in rules_of(stack) for target in rule.targets} == {queue.attributes["Arn"]}
    source = read_template(TEMPLATES / f"{template}.yaml")
    condition = source["Resources"]["DeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0][
        "Condition"
    ]
    condition["ArnLike"]["aws:SourceArn"] = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/another"
    with pytest.raises(TemplateRefused, match="does not let"):
        rules_of(Stack(source, SALESFORCE, Place(account=ACCOUNT)))


@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE])
def test_the_role_may_call_this_destination_only(template: str) -> None:
    """A rule that is pointed at another destination of the account cannot invoke it."""
    source = read_template(TEMPLATES / f"{template}.yaml")
    [policy] = source["Resources"]["InvocationRole"]["Properties"]["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    statement["Resource"] = {"Fn::Sub": statement["Resource"]["Fn::Sub"].replace("${ApiDestinationName}", "another")}
    with pytest.raises(TemplateRefused, match="may not invoke"):
        rules_of(Stack(source, SALESFORCE))


@pytest.mark.requirement("EVT-18")
@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE])
def test_the_domain_begins_with_https_and_the_secret_is_never_shown(template: str) -> None:
    """Other addresses are refused by the parameter's pattern, in words; the secret has NoEcho and no default."""
    for wrong in ("http://example.my.salesforce.com", "example.my.salesforce.com", f"{DOMAIN}/", f" {DOMAIN}", ""):
        with pytest.raises(TemplateRefused, match="DomainUrl must start with https://"):
            make(template, DomainUrl=wrong)
    declared = read_template(TEMPLATES / f"{template}.yaml")["Parameters"]
    assert declared["ClientSecret"]["NoEcho"] is True
    for one in ("ClientId", "ClientSecret", "DomainUrl"):
        assert "Default" not in declared[one], one
        with pytest.raises(TemplateRefused, match=one):
            Stack(read_template(TEMPLATES / f"{template}.yaml"), {k: v for k, v in SALESFORCE.items() if k != one})
    assert not any("s3cret" in json.dumps(one) for one in make(template).outputs.values())


@pytest.mark.requirement("EVT-20")
@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE, QUEUE])
def test_other_regions_are_refused(template: str) -> None:
    """The events come in N. Virginia only: a stack elsewhere would wait for ever."""
    with pytest.raises(TemplateRefused, match=r"N\. Virginia only.*us-east-1"):
        make(template, Place(region="eu-west-1"))
    assert make(template, Place(region="us-east-1")).resources


@pytest.mark.requirement("EVT-22")
@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE])
def test_names_of_destinations_have_64_characters_of_a_kind(template: str) -> None:
    """Letters, digits, dots, dashes and underscores; unique per account and region, so that it can be chosen."""
    for name in ("a" * 64, "A.b-c_9"):
        [made] = make(template, ApiDestinationName=name).of_kind("AWS::Events::ApiDestination").values()
        assert made.properties["Name"] == name
    for name in ("a" * 65, "", "with space", "a/b", "naïve"):
        with pytest.raises(TemplateRefused, match="ApiDestinationName takes 1 to 64 letters"):
            make(template, ApiDestinationName=name)


@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE, QUEUE])
def test_rules_keep_to_64_characters_with_the_longest_prefix(template: str) -> None:
    """So that no prefix that the parameter takes makes the stack fail half-way."""
    for more in ({}, {"EventSelection": "all-kinds"} if template == PARTNER_CENTRAL else {}):
        assert rules_of(make(template, RuleNamePrefix="p" * 32, **more))


@pytest.mark.parametrize("template", [PARTNER_CENTRAL, MARKETPLACE])
def test_the_destination_is_the_notification_object_in_the_packages_version(template: str) -> None:
    """One word ``sobjects``, the object's API name, and the API version that the package is written for."""
    version = json.loads((ROOT / "salesforce_metadata" / "sfdx-project.json").read_text())["sourceApiVersion"]
    [made] = make(template).of_kind("AWS::Events::ApiDestination").values()
    assert made.properties["HttpMethod"] == "POST"
    assert made.properties["InvocationEndpoint"] == f"{DOMAIN}/services/data/v{version}/sobjects/AWS_Notification__c"


def patterns() -> dict[str, Rule]:
    """Return the six rules by the kind of event that they are for."""
    five = rules(PARTNER_CENTRAL)
    by_kind = {kind: five[kind.lower().replace(" ", "-")] for kind in FIVE_KINDS}
    return by_kind | {ALL_EVENTS: rules(PARTNER_CENTRAL, EventSelection="all-kinds")["all-events"]}


@pytest.mark.requirement("EVT-15")
def test_six_patterns_take_their_own_events() -> None:
    """Each of the five takes its sample and no other's; the sixth takes all, unknown kinds of its catalog included."""
    six = patterns()
    assert len(six) == 6
    for kind, event in FIVE_KINDS.items():
        assert {name for name, rule in six.items() if rule.takes(event)} == {kind, ALL_EVENTS}
    assert {name for name, rule in six.items() if rule.takes(SNAPSHOT)} == {ALL_EVENTS}
    foreign = [
        opportunity_event("Opportunity Created", catalog="Sandbox"),
        invitation_event("Engagement Invitation Created", catalog="Sandbox"),
        envelope("aws.elsewhere", "Opportunity Created", {"catalog": "AWS"}),
        change_set_event("Change Set Failed"),
    ]
    assert not [event for event in foreign for rule in six.values() if rule.takes(event)]


def test_another_catalog_is_a_parameter() -> None:
    """For a trial against Partner Central's sandbox catalog."""
    six = rules(PARTNER_CENTRAL, Catalog="Sandbox").values()
    assert sum(rule.takes(opportunity_event("Opportunity Updated", catalog="Sandbox")) for rule in six) == 1
    assert not any(rule.takes(opportunity_event("Opportunity Updated")) for rule in six)
    with pytest.raises(TemplateRefused, match="Catalog"):
        make(PARTNER_CENTRAL, Catalog="aws")


def test_ends_of_change_sets_can_be_chosen_in_any_combination() -> None:
    """All three by default, one or two by parameter; Offer Released has a rule of its own."""
    both = rules(MARKETPLACE)
    assert {kind for kind, event in CHANGE_SETS.items() if both["change-set"].takes(event)} == set(CHANGE_SETS)
    assert not both["change-set"].takes(offer_released_event())
    assert not any(both["offer-released"].takes(event) for event in CHANGE_SETS.values())
    assert both["offer-released"].takes(offer_released_event())
    some = rules(MARKETPLACE, ChangeSetEvents="Change Set Failed, Change Set Cancelled")["change-set"]
    assert {kind for kind, event in CHANGE_SETS.items() if some.takes(event)} == set(CHANGE_SETS) - {
        "Change Set Succeeded"
    }
    with pytest.raises(TemplateRefused, match="ChangeSetEvents"):
        make(MARKETPLACE, ChangeSetEvents="Change Set Failed,Offer Released")


@pytest.mark.requirement("EVT-14")
def test_only_the_transformed_fields_are_sent() -> None:
    """Exactly the listed keys: nothing that EventBridge adds to an event, whatever else the event says."""
    both = rules(MARKETPLACE)
    change_set, offer = CHANGE_SETS["Change Set Failed"] | {"more": 1}, offer_released_event()
    assert sent(both["change-set"], change_set) == {
        "Name": "Change Set Failed", "Account_Number__c": ACCOUNT, "EntityId__c": CHANGE_SET,
    }  # fmt: skip
    assert sent(both["offer-released"], offer) == {
        "Name": "Offer Released", "Account_Number__c": ACCOUNT, "EntityId__c": OFFER,
        "Manufacturer_Account_Id__c": "123456789012", "Product_Id__c": "bbbbaaaa-abcd-1111-abcd-666666666666",
        "Seller_Account_Id__c": "987654321098",
    }  # fmt: skip
    for kind, rule in patterns().items():
        event = FIVE_KINDS.get(kind, FIVE_KINDS["Opportunity Updated"])
        assert set(sent(rule, event)) == {"Name", "Account_Number__c", "EntityId__c", "Catalog__c"}


def test_opportunity_events_carry_kind_account_and_identifier() -> None:
    """The opportunity's or the invitation's identifier; over the rule for all events the same, none for other kinds."""
    six = patterns()
    for kind, event in FIVE_KINDS.items():
        identifier = OPPORTUNITY if kind.startswith("Opportunity") else INVITATION
        expected = {"Name": kind, "Account_Number__c": ACCOUNT, "EntityId__c": identifier, "Catalog__c": "AWS"}
        assert sent(six[kind], event) == sent(six[ALL_EVENTS], event) == expected
    assert sent(six[ALL_EVENTS], SNAPSHOT)["EntityId__c"] == ""


def test_a_queue_takes_whole_events_of_every_kind() -> None:
    """The connector ignores what it does not know. Marketplace's events can be left out."""
    both = rules(QUEUE)
    event = FIVE_KINDS["Opportunity Created"]
    assert sent(both["partner-central"], event) == event
    assert [both["partner-central"].takes(one) for one in (event, SNAPSHOT, offer_released_event())] == [
        True, True, False,
    ]  # fmt: skip
    assert all(both["marketplace"].takes(one) for one in (*CHANGE_SETS.values(), offer_released_event()))
    assert set(rules(QUEUE, MarketplaceEvents="no")) == {"partner-central"}


def test_the_queue_redrives_and_the_workers_role_gets_what_it_needs() -> None:
    """Five attempts, then the dead-letter queue; the policy goes to a role by name, or waits to be attached."""
    stack = make(QUEUE, WorkerRoleName="connector")
    queue, dead = stack.resources["Queue"], stack.resources["DeadLetterQueue"]
    assert queue.properties["RedrivePolicy"] == {
        "deadLetterTargetArn": dead.attributes["Arn"],
        "maxReceiveCount": 5,
    }
    policy = stack.resources["WorkerPolicy"].properties
    assert policy["Roles"] == ["connector"]
    assert "Roles" not in make(QUEUE).resources["WorkerPolicy"].properties
    read, aside = policy["PolicyDocument"]["Statement"]
    assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"} <= set(
        read["Action"]
    )
    assert read["Resource"] == [queue.attributes["Arn"], dead.attributes["Arn"]]
    assert (aside["Action"], aside["Resource"]) == ("sqs:SendMessage", dead.attributes["Arn"])


@pytest.mark.parametrize(
    ("entry", "taken", "refused"),
    [
        ("a", ["a", ["b", "a"]], ["A", "ab", None, 1, ["b"], {"a": "a"}]),
        (1, [1, 1.0], ["1", True, 2]),
        (True, [True], [1, "true"]),
        (None, [None], ["", "null"]),
        ({"prefix": "ab"}, ["ab", "abc"], ["a", "Abc", 5]),
        ({"suffix": {"equals-ignore-case": "PNG"}}, ["x.png", "x.PNG"], ["png.x"]),
        ({"equals-ignore-case": "receiver"}, ["RECEIVER", "Receiver"], ["sender"]),
        ({"wildcard": "a*c.d"}, ["abc.d", "ac.d"], ["abcxd", "abc.de"]),
        ({"anything-but": ["a", 1]}, ["b", 2], ["a", 1]),
        ({"anything-but": {"prefix": "a"}}, ["ba"], ["ab"]),
        ({"numeric": [">", 1, "<=", 5]}, [5, 1.5], [1, 6, "3"]),
        ({"exists": True}, ["", None, 0], [{"b": 1}]),
        ({"cidr": "10.0.0.0/24"}, ["10.0.0.255"], ["10.0.1.0", "x", 1]),
    ],
)
def test_an_entry_of_a_pattern_takes_some_values(entry: Any, taken: list[Any], refused: list[Any]) -> None:
    """Plain values compare exactly, by type and case; operators as EventBridge's; a list has it if one of it has."""
    check_pattern({"a": [entry]})
    assert all(matches({"a": [entry]}, {"a": one}) for one in taken)
    assert not any(matches({"a": [entry]}, {"a": one}) for one in refused)


def test_members_of_a_pattern_must_all_hold_and_alternatives_one() -> None:
    """And over members, or over a leaf's list and over ``$or``; ``exists: false`` holds for what is not there."""
    pattern = {"a": [1, 2], "$or": [{"b": ["x"]}, {"c": {"d": [{"exists": False}]}}]}
    check_pattern(pattern)
    assert matches(pattern, {"a": 2, "b": "x", "c": {"d": 1}})
    assert matches(pattern, {"a": 1})
    assert not matches(pattern, {"a": 1, "c": {"d": 1}})
    assert not matches(pattern, {"b": "x"})


@pytest.mark.parametrize(
    "pattern",
    [{}, {"a": "x"}, {"a": []}, {"a": [["x"]]}, {"a": [{"like": "x"}]}, {"a": [{"prefix": 5}]}, {"a": {}},
     {"a": [{"numeric": ["~", 5]}]}, {"a": [{"exists": "yes"}]}, {"$or": [{"a": ["x"]}]}, {"a": [{}]}],
)  # fmt: skip
def test_a_malformed_pattern_is_refused_when_the_rule_is_made(pattern: Any) -> None:
    """As EventBridge refuses it, instead of never matching."""
    with pytest.raises(InvalidPattern):
        check_pattern(pattern)


@pytest.mark.parametrize(
    ("paths", "template"),
    [
        ({"Name": "$.detail-type"}, '{"Name": Name}'),
        ({"Name": "$.detail-type"}, '{"Name": "<name>"}'),
        ({"Name": "detail-type"}, '{"Name": "<Name>"}'),
        ({"AWSName": "$.detail-type"}, '{"Name": "<AWSName>"}'),
        ({"Na me": "$.detail-type"}, '{"Name": "x"}'),
        ({"Name": "$.detail-type"}, ""),
        ({"Name": "$." + "d" * 255}, '{"Name": "<Name>"}'),
    ],
)
def test_a_malformed_transformer_is_refused_when_the_target_is_put(paths: dict[str, str], template: str) -> None:
    """A placeholder without angle brackets, as a guide once printed it, is no JSON."""
    with pytest.raises(InvalidTransformer):
        Transformer(paths, template)


def test_texts_need_quotes_and_other_values_do_not() -> None:
    """A text outside quotes makes no JSON: that event is not sent. Objects keep their shape outside quotes only."""
    event = {"a": "text", "b": {"c": [1, 2]}, "d": 5}
    paths = {"a": "$.a", "b": "$.b", "one": "$.b.c[1]", "d": "$.d", "gone": "$.x.y"}
    assert json.loads(Transformer(paths, '{"x": "<a>-<d>", "y": <b>, "z": <one>}').transform(event)) == {
        "x": "text-5", "y": {"c": [1, 2]}, "z": 2,
    }  # fmt: skip
    assert json.loads(Transformer(paths, '{"x": "<b>", "y": "<gone>|"}').transform(event)) == {
        "x": "{c: [1, 2]}", "y": "|",
    }  # fmt: skip
    for template in ('{"x": <a>}', '{"x": <gone>}'):
        with pytest.raises(NotTransformed):
            Transformer(paths, template).transform(event)


def test_values_are_put_in_without_escaping() -> None:
    """A quotation mark in a value breaks the body, so only identifiers and names of kinds may be sent."""
    with pytest.raises(NotTransformed):
        Transformer({"a": "$.a"}, '{"x": "<a>"}').transform({"a": 'say "no"'})


@given(st.dictionaries(st.sampled_from("abcd"), st.text("abc-0123456789", min_size=1), min_size=1))
def test_identifiers_arrive_as_they_are(values: dict[str, str]) -> None:
    """Whatever identifiers an event carries, each stands in its own field."""
    template = "{" + ", ".join(f'"{name}": "<{name}>"' for name in values) + "}"
    body = Transformer({name: f"$.detail.{name}" for name in values}, template).transform({"detail": values})
    assert json.loads(body) == values


@pytest.mark.requirement("EVT-30", "EVT-31")
def test_the_guide_tells_versions_costs_and_every_parameter() -> None:
    """The least version of AWS's package, what costs and what does not, the region, and what to fill in."""
    told = (ROOT / "deploy" / "README.md").read_text(encoding="utf8")
    events = told[told.index("# Events") :]
    assert "version 3.0 of AWS's own package or later" in events
    assert "**Cost.** AWS charges nothing for the events of its own services" in events
    assert "us-east-1" in events
    for template in (PARTNER_CENTRAL, MARKETPLACE, QUEUE):
        assert f"cloudformation/{template}.yaml" in events
        for name in read_template(TEMPLATES / f"{template}.yaml")["Parameters"]:
            assert f"`{name}`" in events, name
    for name in ("Name", "Account_Number__c", "EntityId__c", "Catalog__c", "Manufacturer_Account_Id__c"):
        assert f"`{name}`" in events, name
