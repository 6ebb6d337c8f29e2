"""The control server's orders on the Salesforce org: what admins change in it, and what people do in a browser only.

What an order changes lasts until ``/reset``. Names of objects and fields are API names, in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from connector.sandbox.orders import BadInput, Json, Order
from connector.sandbox.salesforce import administration, currencies
from connector.sandbox.salesforce.capacity import OPERATIONS, Shortage
from connector.sandbox.salesforce.faults import ApiError, RowErrors
from connector.sandbox.salesforce.leads import convert_lead
from connector.sandbox.salesforce.people import PEOPLE
from connector.sandbox.salesforce.records import record_id
from connector.sandbox.salesforce.schema import Choice

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Org
    from connector.sandbox.salesforce.permissions import PermissionSet


class SalesforceOrders:
    """Carries out orders on one org. Whatever cannot be done is a ValueError."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.by_path: dict[tuple[str, str], Callable[[Order], Json]] = {
            ("POST", "/salesforce/field"): self.field,
            ("POST", "/salesforce/delete"): self.delete,
            ("POST", "/salesforce/access"): self.access,
            ("POST", "/salesforce/picklist"): self.picklist,
            ("POST", "/salesforce/rule"): self.rule,
            ("POST", "/salesforce/currency"): self.currency,
            ("POST", "/salesforce/convert"): self.convert,
        }

    def field(self, order: Order) -> Json:
        """POST /salesforce/field: an admin adds a custom field, or changes one (its formula, length, required).

        Members: ``object``, ``metadata`` (members of the Metadata API's CustomField, ``fullName``, ``label``, ``type``
        and so on; a change gives them all), ``access`` (none, read or edit, the default: what permission sets that open
        the object give on a new field). Answer: {}.
        """
        name, metadata = order.take("object", str, required=True), order.take("metadata", dict, required=True)
        access = order.take("access", str, "edit")
        order.finish()
        administration.deploy_field(self._org, name, metadata, access=access)
        return {}

    def delete(self, order: Order) -> Json:
        """POST /salesforce/delete: an admin deletes a custom field, unless a formula, a rule or a flow names it.

        Members: ``object``, ``field``. Answer: {}.
        """
        name, field = order.take("object", str, required=True), order.take("field", str, required=True)
        order.finish()
        administration.delete_field(self._org, name, field)
        return {}

    def access(self, order: Order) -> Json:
        """POST /salesforce/access: an admin changes permission sets.

        Members: ``object``, ``field`` (missing: the object itself), ``access`` (none, read or edit), and whose:
        ``user`` (integration, the default, seller or seller2: all permission sets that they have) or
        ``permission_set`` (its API name). Answer: {}.
        """
        name, field = order.take("object", str, required=True), order.take("field", str, "")
        access = order.take("access", str, required=True)
        user, one = order.take("user", str), order.take("permission_set", str)
        order.finish()
        who = self._org.user(user or "integration") if one is None and user in {None, *PEOPLE} else ""
        administration.set_access(self._org, name, field, access, self._sets(user, one), who)
        return {}

    def _sets(self, user: str | None, name: str | None) -> list[PermissionSet]:
        if user is not None and name is not None:
            raise BadInput("give either user or permission_set")
        if name is not None:
            if name not in self._org.access.sets:
                raise BadInput(f"the org has no permission set {name!r}")
            return [self._org.access.sets[name]]
        who = user or "integration"
        if who not in PEOPLE or who == "admin":
            raise BadInput(f"user {who!r} is none whose permission sets decide; use integration, seller or seller2")
        return list(self._org.access.of(self._org.user(who)).sets)

    def picklist(self, order: Order) -> Json:
        """POST /salesforce/picklist: an admin adds a value to a picklist, or changes the one of that value.

        Members: ``object``, ``field``, ``value``, ``label`` (default: the value), ``active`` (default true),
        ``default`` (whether it is the field's default, false). Answer: {}.
        """
        name, field = order.take("object", str, required=True), order.take("field", str, required=True)
        value = order.take("value", str, required=True)
        label, active = order.take("label", str, value), order.take("active", bool, True)
        default = order.take("default", bool, False)
        order.finish()
        administration.set_choice(self._org, name, field, Choice(value, label, active=active, default=default))
        return {}

    def rule(self, order: Order) -> Json:
        """POST /salesforce/rule: an admin adds a validation rule, or changes one; one not active does nothing.

        Members: ``object``, ``metadata`` (members of the Metadata API's ValidationRule: ``fullName``, ``active``,
        ``errorConditionFormula``, ``errorMessage``, ``errorDisplayField``). Answer: {}.
        """
        name, metadata = order.take("object", str, required=True), order.take("metadata", dict, required=True)
        order.finish()
        administration.set_rule(self._org, name, metadata)
        return {}

    def currency(self, order: Order) -> Json:
        """POST /salesforce/currency: an admin activates or deactivates a currency of an org with several.

        Members: ``code`` (ISO 4217), ``active``. Answer: {}.
        """
        code, active = order.take("code", str, required=True), order.take("active", bool, required=True)
        order.finish()
        currencies.activate(self._org, code, active=active)
        return {}

    def convert(self, order: Order) -> Json:
        """POST /salesforce/convert: a person converts a lead.

        Members: ``lead`` (id), ``user`` (seller, the default, or another role), ``account`` and ``contact`` (ids of
        records to use instead of new ones), ``opportunity`` (whether to create one; default true). Answer: the ids,
        ``{"Account": …, "Contact": …, "Opportunity": …}``.
        """
        lead, user = order.take("lead", str, required=True), order.take("user", str, "seller")
        account, contact = order.take("account", str, ""), order.take("contact", str, "")
        opportunity = order.take("opportunity", bool, True)
        order.finish()
        if user not in PEOPLE:
            raise BadInput(f"user {user!r} is unknown; use one of {', '.join(PEOPLE)}")
        try:
            return {**convert_lead(
                self._org, record_id(lead, "Lead"), self._org.user(user), account_id=account, contact_id=contact,
                opportunity=opportunity,
            )}  # fmt: skip
        except (ApiError, RowErrors) as refused:
            raise BadInput(str(refused)) from refused

    def run_short(self, order: Order) -> Json:
        """Let the org have no room for rows: POST /fault with kind storage_limit; see there for the members."""
        objects, operations = order.take("objects", list, []), order.take("operations", list, list(OPERATIONS))
        times = order.take("times", int, 1)
        order.take("seconds", (int, float))
        order.finish()
        names = [administration.find_object(self._org, str(one)).name.lower() for one in objects]
        if not operations or set(operations) - set(OPERATIONS):
            raise BadInput(f"operations {operations} are unknown; use {' or '.join(OPERATIONS)}")
        if times < 1:
            raise BadInput(f"times is {times}; use 1 or more")
        with self._org.lock:
            self._org.shortages.append(Shortage(frozenset(names), frozenset(operations), times))
        return {}
