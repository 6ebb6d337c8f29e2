"""Small named facts: how far each walk has come, and what the worker must remember about itself."""

from __future__ import annotations

from connector.store.table import Table


class Cursors(Table):
    """How far each poll and sweep has come, by name. Move one in the transaction that enqueues what it stands for."""

    def get(self, name: str) -> str | None:
        """Return the cursor's text, None if it was never set."""
        value: str | None = self._value("select value from cursors where name = ?", (name,))
        return value

    def set(self, name: str, value: str) -> None:
        self._upsert("cursors", ("name",), {"name": name, "value": value})

    def delete(self, name: str) -> None:
        """Forget the cursor: its walk begins anew."""
        self._write("delete from cursors where name = ?", (name,))

    def all(self) -> dict[str, str]:
        return {row["name"]: row["value"] for row in self._all("select name, value from cursors order by name")}


class Meta(Table):
    """Facts about the state itself, such as the org that it is bound to."""

    def get(self, name: str) -> str | None:
        """Return the fact's text, None if it was never set."""
        value: str | None = self._value("select value from meta where name = ?", (name,))
        return value

    def set(self, name: str, value: str) -> None:
        self._upsert("meta", ("name",), {"name": name, "value": value})

    def delete(self, name: str) -> None:
        """Forget the fact."""
        self._write("delete from meta where name = ?", (name,))
