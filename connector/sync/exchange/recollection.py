"""What a state that was lost, or replaced by an old copy, reads off Salesforce again where files are exchanged.

By the API the first walk over AWS's records does so; by files nothing walks over anything.
"""

from __future__ import annotations

from connector.sync import logs
from connector.sync.engine import Engine

_RECALLED = "files:reasons recalled"
"""Fact of the state: the reasons that Salesforce shows as open are known to it."""


def recall_reasons(engine: Engine) -> None:
    """Know again the reasons that an earlier state left open in Salesforce, so that they are kept up and closed as
    ours. Costs a call once in a state's life.
    """
    if engine.state.meta.get(_RECALLED) is None:
        logs.adopt_reasons(engine)
        engine.state.meta.set(_RECALLED, engine.now().isoformat())


def recall_anew(engine: Engine) -> None:
    """The state is an old copy: it does not know which reasons were opened since."""
    engine.state.meta.delete(_RECALLED)
