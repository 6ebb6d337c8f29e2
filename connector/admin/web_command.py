"""``connector web``: the web pages, served until stopped."""

from __future__ import annotations

from connector.admin.context import JsonFlag, config


def web(*, as_json: JsonFlag = False) -> None:
    """Serve the web pages on which the mapping is looked at, changed and published, beside the command line.

    Prints the address to open. Without a password in `[web]`, the address carries a token that lets whoever has it in
    for as long as this process runs. A worker may run meanwhile.
    """
    # Late: no other command needs what serves web pages, which takes longer to load than the rest together.
    from connector.admin.web.serving import serve

    serve(config(), as_json=as_json)
