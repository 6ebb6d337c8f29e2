"""The accept rule: a formula over what AWS shows of a referral; where it holds, the referral is accepted without
anybody having asked. Off when empty. A rule that cannot be evaluated accepts nothing, and is told as a wrong setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connector.ace.catalogue import AceField
from connector.ace.formats import shown
from connector.ace.record import AceRecord
from connector.eligibility.formula import EvaluationError, Formula, FormulaError, compile_formula
from connector.errors import Problem
from connector.names import SETTINGS, Settings
from connector.sync.engine import Engine
from connector.sync.formulas import ace_context

TROUBLE = "accept-rule"


def accept_rule_problems(rule: str, catalogue: Mapping[str, AceField], now: datetime) -> tuple[Problem, ...]:
    """Return what is wrong with the rule, whatever the referral: its grammar, names that AWS does not have, types that
    do not go together.

    Args:
        rule: the formula, empty for none.
        catalogue: every ACE field by name.
        now: the time, aware.
    """
    if not rule:
        return ()
    try:
        compile_formula(rule).holds(ace_context(catalogue, {}, now))
    except EvaluationError:
        return ()  # with other values it may well be computed
    except FormulaError as error:
        return (_broken(rule, error),)
    return ()


def accepting_rule(engine: Engine, record: AceRecord) -> str:
    """Return why the rule accepts the referral, in words; empty where it does not, or there is none.

    A rule that cannot be computed for this referral is told on the worker's status page.
    """
    rule = engine.settings.accept_rule
    if not rule:
        return ""
    try:
        formula = compile_formula(rule)
        holds = formula.holds(ace_context(engine.catalogue, record, engine.now()))
    except FormulaError as error:
        engine.troubles[TROUBLE] = str(_broken(rule, error))
        return ""
    engine.troubles.pop(TROUBLE, None)
    return _reason(formula, record) if holds else ""


def _reason(formula: Formula, record: AceRecord) -> str:
    names = {name.lower(): name for name in record}
    read = sorted(names[name.lower()] for name in formula.fields if name.lower() in names)
    facts = ", ".join(f"{name} is {shown(record[name]) or 'empty'}" for name in read)
    rule = f"Accepted without a person's decision, by the rule in {Settings.ACCEPT_RULE}: {formula.text}"
    return f"{rule} ({facts})." if facts else f"{rule}."


def _broken(rule: str, error: FormulaError) -> Problem:
    return Problem(
        "SETTING_INVALID",
        Settings.ACCEPT_RULE,
        rule,
        f"The rule that accepts referrals by itself does not work: {str(error).rstrip('.')}. It accepts nothing.",
        f"Correct it in {SETTINGS}, or clear it; until then every referral waits for a person's decision.",
    )
