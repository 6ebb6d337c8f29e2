"""A CloudFormation template put to work: parameters checked, rules asserted, functions resolved, resources named.

Of CloudFormation there is what templates of events use; anything else is refused by name rather than passed over.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
Named = tuple[str, Json]
Maker = Callable[[str, str, Json], Named]
_SUBSTITUTE = re.compile(r"\$\{(!?)([A-Za-z0-9:.]+)\}")
_NOTHING = object()


class TemplateRefused(ValueError):
    """CloudFormation would not make this stack: a parameter, a rule or the template itself is to blame."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack is made."""

    region: str = "us-east-1"
    account: str = "123456789012"
    stack: str = "sandbox-events"
    partition: str = "aws"

    def pseudo(self) -> Json:
        """Return the pseudo parameters."""
        return {
            "AWS::Region": self.region,
            "AWS::AccountId": self.account,
            "AWS::StackName": self.stack,
            "AWS::Partition": self.partition,
            "AWS::NoValue": _NOTHING,
        }


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a stack: its kind, its resolved properties, what ``Ref`` and ``Fn::GetAtt`` give for it."""

    kind: str
    properties: Json
    reference: str
    attributes: Json


class Stack:
    """The resources and outputs that a template makes of parameters at a place.

    Resources are made in the order of their references and of ``DependsOn``: played here, or by ``make``, which takes
    the type, the logical id and the resolved properties, and returns what Ref and Fn::GetAtt give.

    Raises:
        TemplateRefused: as CloudFormation refuses: unknown, missing or impossible parameters, a failed assertion, a
            kind of resource or a function that is not known here, a reference that leads nowhere.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, str],
        place: Place | None = None,
        make: Maker | None = None,
    ) -> None:
        self.place, self._maker = place or Place(), make or self._play
        self._values = {**self.place.pseudo(), **_check_parameters(template.get("Parameters", {}), parameters)}
        self._conditions: Json = dict(template.get("Conditions", {}))
        self._assert_rules(template.get("Rules", {}))
        self._wanted = {name: one for name, one in template["Resources"].items() if self._holds(one.get("Condition"))}
        self.resources: dict[str, Resource] = {}
        for name in self._wanted:
            self._make(name)
        self.outputs = {name: self._resolve(one["Value"]) for name, one in template.get("Outputs", {}).items()}

    def of_kind(self, kind: str) -> dict[str, Resource]:
        """Return the resources of one kind, such as ``AWS::Events::Rule``, by logical id."""
        return {name: one for name, one in self.resources.items() if one.kind == kind}

    def by_arn(self, arn: str) -> Resource:
        """Return the resource with an ARN. Raises TemplateRefused when it is not of this stack."""
        for one in self.resources.values():
            if one.attributes.get("Arn") == arn:
                return one
        raise TemplateRefused(f"{arn} is no resource of this stack")

    def _holds(self, condition: str | None) -> bool:
        if condition is None:
            return True
        if condition not in self._conditions:
            raise TemplateRefused(f"condition {condition!r} is not in the template")
        return bool(self._resolve(self._conditions[condition]))

    def _assert_rules(self, rules: Mapping[str, Any]) -> None:
        for name, rule in rules.items():
            if "RuleCondition" in rule and not self._resolve(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not self._resolve(assertion["Assert"]):
                    raise TemplateRefused(f"rule {name}: {assertion.get('AssertDescription', 'assertion failed')}")

    def _make(self, name: str) -> Resource:
        """Return a resource, made at its first use; its properties may refer to others."""
        if name in self.resources:
            return self.resources[name]
        if name not in self._wanted:
            raise TemplateRefused(f"{name!r} is neither a parameter nor a resource of this stack")
        source = self._wanted[name]
        before = source.get("DependsOn", [])
        for other in [before] if isinstance(before, str) else before:
            self._make(other)
        properties = self._resolve(source.get("Properties", {}))
        reference, attributes = self._maker(source["Type"], name, properties)
        return self.resources.setdefault(name, Resource(source["Type"], properties, reference, attributes))

    def _play(self, kind: str, name: str, properties: Json) -> Named:
        if kind not in _KINDS:
            raise TemplateRefused(f"{name}: resources of type {kind} are not played here")
        return _KINDS[kind](name, properties, self.place)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [one for each in value if (one := self._resolve(each)) is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, operand)] = value.items()
            if name in ("Ref", "Condition") and isinstance(operand, str):
                return self._reference(operand) if name == "Ref" else self._holds(operand)
            if name.startswith("Fn::"):
                return self._function(name, operand)
        pairs = ((name, self._resolve(each)) for name, each in value.items())
        return {name: each for name, each in pairs if each is not _NOTHING}

    def _reference(self, name: str) -> Any:
        return self._values[name] if name in self._values else self._make(name).reference

    def _attribute(self, name: str, attribute: str) -> Any:
        found = self._make(name).attributes
        if attribute not in found:
            raise TemplateRefused(f"{name} has no attribute {attribute!r}")
        return found[attribute]

    def _function(self, name: str, operand: Any) -> Any:
        match name:
            case "Fn::Sub":
                return _SUBSTITUTE.sub(self._substitute, operand)
            case "Fn::GetAtt":
                return self._attribute(*(operand if isinstance(operand, list) else operand.split(".", 1)))
            case "Fn::If":
                condition, yes, no = operand
                return self._resolve(yes if self._holds(condition) else no)
            case "Fn::Equals":
                return self._resolve(operand[0]) == self._resolve(operand[1])
            case "Fn::Not":
                return not self._resolve(operand[0])
            case "Fn::And":
                return all(self._resolve(operand))
            case "Fn::Or":
                return any(self._resolve(operand))
        raise TemplateRefused(f"function {name} is not played here")

    def _substitute(self, found: re.Match[str]) -> str:
        literal, name = found.groups()
        if literal:
            return f"${{{name}}}"
        resource, dot, attribute = name.partition(".")
        return str(self._attribute(resource, attribute) if dot else self._reference(name))


def read_template(path: Path) -> Json:
    """Return a template from a YAML or JSON file (long form of functions). Raises TemplateRefused."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf8"))
    except yaml.YAMLError as error:
        raise TemplateRefused(f"{path} is no YAML: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("Resources"), dict):
        raise TemplateRefused(f"{path} is no template: it has no Resources")
    return value


def _check_parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> Json:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateRefused(f"parameters {unknown} do not exist in the template")
    missing = sorted(name for name, one in declared.items() if name not in given and "Default" not in one)
    if missing:
        raise TemplateRefused(f"parameters {missing} must have values")
    values = {name: str(given.get(name, one.get("Default"))) for name, one in declared.items()}
    return {name: _check_parameter(name, one, values[name]) for name, one in declared.items()}


def _check_parameter(name: str, declared: Mapping[str, Any], value: str) -> str | list[str]:
    """Return the value, or the values of a list. The message never shows what was given: it may be a secret."""
    if declared["Type"] not in ("String", "CommaDelimitedList"):
        raise TemplateRefused(f"parameter {name}: type {declared['Type']} is not played here")
    several = [one.strip() for one in value.split(",")] if declared["Type"] == "CommaDelimitedList" else [value]
    told = declared.get("ConstraintDescription", "the value does not satisfy the constraints")
    for one in several:
        shortest, longest = int(declared.get("MinLength", 0)), int(declared.get("MaxLength", 4096))
        fits = shortest <= len(one) <= longest and re.fullmatch(declared.get("AllowedPattern", ".*"), one, re.DOTALL)
        if not fits or one not in declared.get("AllowedValues", [one]):
            raise TemplateRefused(f"parameter {name}: {told}")
    return several if declared["Type"] == "CommaDelimitedList" else value


def _arn(place: Place, service: str, name: str, *, region: bool = True) -> str:
    return f"arn:{place.partition}:{service}:{place.region if region else ''}:{place.account}:{name}"


def _rule(_logical: str, properties: Json, place: Place) -> Named:
    return properties["Name"], {"Arn": _arn(place, "events", f"rule/{properties['Name']}")}


def _with_suffix(kind: str) -> Callable[[str, Json, Place], Named]:
    def make(_logical: str, properties: Json, place: Place) -> Named:
        return properties["Name"], {"Arn": _arn(place, "events", f"{kind}/{properties['Name']}/{uuid.uuid4()}")}

    return make


def _queue(_logical: str, properties: Json, place: Place) -> Named:
    name = properties["QueueName"]
    url = f"https://sqs.{place.region}.amazonaws.com/{place.account}/{name}"
    return url, {"Arn": _arn(place, "sqs", name), "QueueName": name, "QueueUrl": url}


def _role(logical: str, _properties: Json, place: Place) -> Named:
    name = f"{place.stack}-{logical}-{uuid.uuid4().hex[:12]}"
    return name, {"Arn": _arn(place, "iam", f"role/{name}", region=False)}


def _managed_policy(logical: str, _properties: Json, place: Place) -> Named:
    arn = _arn(place, "iam", f"policy/{place.stack}-{logical}-{uuid.uuid4().hex[:12]}", region=False)
    return arn, {"PolicyArn": arn}


def _unnamed(logical: str, _properties: Json, place: Place) -> Named:
    return f"{place.stack}-{logical}-{uuid.uuid4().hex[:12]}", {}


_KINDS: dict[str, Callable[[str, Json, Place], Named]] = {
    "AWS::Events::Rule": _rule,
    "AWS::Events::ApiDestination": _with_suffix("api-destination"),
    "AWS::Events::Connection": _with_suffix("connection"),
    "AWS::SQS::Queue": _queue,
    "AWS::SQS::QueuePolicy": _unnamed,
    "AWS::IAM::Role": _role,
    "AWS::IAM::ManagedPolicy": _managed_policy,
}
