"""``connector events install``: the same rules as CloudFormation makes of the template, by AWS's API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from admin_desk import Ran, logging_restored
from moto import mock_aws

from connector.admin.cli import main
from connector.sandbox.events.rules import rules_of
from connector.sandbox.events.stack import Stack, read_template
from connector.sandbox.server import METADATA

TEMPLATES = METADATA.parent / "deploy" / "cloudformation"
DOMAIN = "https://example.my.salesforce.com"
SECRET = "the-consumer-secret"
SALESFORCE = {"DomainUrl": DOMAIN, "ClientId": "3MVG9.key", "ClientSecret": SECRET}
ACCOUNT = "123456789012"


class Account:
    """An AWS account that an administrator signs in to, and the command line."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.events, self.sqs, self.iam = (
            boto3.client(one, region_name="us-east-1") for one in ("events", "sqs", "iam")
        )

    def install(self, template: str, *more: str, code: int = 0) -> Ran:
        """Install a template; those with an API destination get an org."""
        words = ["events", "install", str(TEMPLATES / f"{template}.yaml")]
        if template != "partner-central-queue":
            given = SALESFORCE | {"ClientSecret": "env:CONSUMER_SECRET"}
            words += [word for name, value in given.items() for word in ("--parameter", f"{name}={value}")]
        words += more
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        told = self._capsys.readouterr()
        found = ended.value.code if isinstance(ended.value.code, int) else int(bool(ended.value.code))
        assert found == code, told.out + told.err
        return Ran(found, told.out, told.err)

    def rules(self) -> dict[str, tuple[Any, Any]]:
        """Return pattern and transformer of each rule's only target, by the rule's name."""
        found = {}
        for rule in self.events.list_rules()["Rules"]:
            [target] = self.events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
            found[rule["Name"]] = (json.loads(rule["EventPattern"]), target.get("InputTransformer"))
        return found


@pytest.fixture
def account(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("CONSUMER_SECRET", SECRET)
    monkeypatch.setenv("COLUMNS", "200")
    with mock_aws(), logging_restored():
        yield Account(capsys)


def described(template: str, **parameters: str) -> dict[str, tuple[Any, Any]]:
    """Return what the template says of its rules, as ``Account.rules`` tells them."""
    given = parameters if template == "partner-central-queue" else SALESFORCE | parameters
    stack = Stack(read_template(TEMPLATES / f"{template}.yaml"), given)
    assert rules_of(stack)
    return {
        one.properties["Name"]: (one.properties["EventPattern"], one.properties["Targets"][0].get("InputTransformer"))
        for one in stack.of_kind("AWS::Events::Rule").values()
    }


@pytest.mark.requirement("EVT-27")
@pytest.mark.parametrize("template", ["partner-central-events", "marketplace-events", "partner-central-queue"])
def test_the_same_rules_are_made_as_the_template_describes(account: Account, template: str) -> None:
    """Names, patterns, transformers; each rule's target is what was made beside it."""
    told = account.install(template)
    assert account.rules() == described(template)
    arns = {
        target["Arn"]
        for name in account.rules()
        for target in account.events.list_targets_by_rule(Rule=name)["Targets"]
    }
    assert len(arns) == 1
    queues = account.sqs.list_queues()["QueueUrls"]
    assert all(url in told.out for url in queues if "dead" in url)
    assert len(queues) == (2 if template == "partner-central-queue" else 1)


def test_destination_and_connection_are_as_described(account: Account) -> None:
    """With the dead-letter queue's policy and a role that may call only this destination; the secret is never told."""
    told = account.install("partner-central-events")
    [destination] = account.events.list_api_destinations()["ApiDestinations"]
    assert destination["InvocationEndpoint"] == f"{DOMAIN}/services/data/v66.0/sobjects/AWS_Notification__c"
    connection = account.events.describe_connection(Name="partner-central-events")
    assert connection["AuthorizationType"] == "OAUTH_CLIENT_CREDENTIALS"
    [url] = account.sqs.list_queues()["QueueUrls"]
    attributes = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert "rule/partner-central-events-*" in attributes["Policy"]
    assert attributes["MessageRetentionPeriod"] == "1209600"
    [role] = account.iam.list_roles()["Roles"]
    policy = account.iam.get_role_policy(RoleName=role["RoleName"], PolicyName="invoke-api-destination")
    [statement] = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"].endswith(f":{ACCOUNT}:api-destination/partner-central-events/*")
    assert SECRET not in told.out + told.err


def test_a_second_run_brings_things_up_to_date(account: Account) -> None:
    """Nothing is made twice; a changed parameter is taken over."""
    for template in ("partner-central-events", "partner-central-queue"):
        account.install(template)
        account.install(template, "--parameter", "Catalog=Sandbox")
        assert len(account.sqs.list_queues()["QueueUrls"]) == (1 if template == "partner-central-events" else 3)
    assert {json.dumps(pattern["detail"]) for pattern, _ in account.rules().values() if "detail" in pattern} == {
        '{"catalog": ["Sandbox"]}'
    }
    assert len(account.events.list_connections()["Connections"]) == 1
    assert len(account.iam.list_roles()["Roles"]) == 1


def test_the_workers_role_gets_the_queue_and_many_versions_of_its_policy_fit(account: Account) -> None:
    """The policy is attached by name; AWS keeps five versions of it, so that the oldest makes room."""
    account.iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")
    for _ in range(7):
        account.install("partner-central-queue", "--parameter", "WorkerRoleName=worker")
    [attached] = account.iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert len(account.iam.list_policy_versions(PolicyArn=attached["PolicyArn"])["Versions"]) == 5


@pytest.mark.parametrize(
    ("parameter", "told"),
    [
        ("DomainUrl=http://example.my.salesforce.com", "DomainUrl must start with https://"),
        ("ClientSecret=the-secret-itself", "write it as env:NAME or file:PATH"),
        ("ClientSecret=env:NOWHERE", "NOWHERE, which is not set"),
        ("Nonsense=1", "do not exist in the template"),
        ("Catalog", "write it as KEY=VALUE"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(account: Account, parameter: str, told: str) -> None:
    """In words, without the secret."""
    ran = account.install("partner-central-events", "--parameter", parameter, code=2)
    assert told in ran.err
    assert "the-secret-itself" not in ran.err + ran.out
    assert account.rules() == {}
    assert "QueueUrls" not in account.sqs.list_queues()


def test_refused_credentials_are_told_as_such(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, before anything is made."""
    told = account.install("partner-central-queue", "--profile", "nobody", code=4)
    assert "nobody" in told.err
    assert account.rules() == {}
