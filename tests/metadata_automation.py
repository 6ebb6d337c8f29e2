"""Whether what flows, record pages, reports and dashboards name exists.

Each check takes the source and one file, and tells problems, as those in ``metadata_references`` do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree
from metadata_references import USER_REFERENCES, field_problems, path_problems, value_problems
from metadata_source import Source, every, text, texts

ROW_COUNT = {"RowCount"}
TARGET = "targetReference"


def flow(source: Source, path: Path) -> Iterator[str]:
    """Check a flow: objects, fields, values, permissions, subflows, and that every arrow ends at an element."""
    root = source.root(path)
    started = text(root, "start/object")
    for element in root:
        name = text(element, "object") or ("" if element.tag.endswith("}start") else started)
        if _touches_rows(element):
            yield from _rows(source, element, name)
    yield from _record_references(source, source.written(path), started)
    known = set(texts(root, "*/name"))
    arrows = [str(one.text) for one in root.iter(f"{{*}}{TARGET}")]
    yield from (f"an arrow ends at {name}, which does not exist" for name in arrows if name not in known)
    yield from (f"no flow {name}" for name in texts(root, "subflows/flowName") if name not in source.of("flow"))
    for choice in every(root, "dynamicChoiceSets"):
        yield from _choice(source, choice)


def _touches_rows(element: etree._Element) -> bool:
    kinds = ("recordCreates", "recordUpdates", "recordLookups", "recordDeletes", "start")
    return str(element.tag).split("}")[1] in kinds


def _rows(source: Source, element: etree._Element, name: str) -> Iterator[str]:
    if not name:
        return
    if not source.knows(name):
        yield f"no object {name}"
    for tag in ("filters", "inputAssignments", "outputAssignments"):
        for item in every(element, tag):
            yield from field_problems(source, name, [text(item, "field")], set())
            yield from value_problems(source, name, text(item, "field"), texts(item, "value/stringValue"))
    named = [*texts(element, "queriedFields"), *texts(element, "sortField")]
    yield from field_problems(source, name, named, set())


def _record_references(source: Source, written: str, started: str) -> Iterator[str]:
    for path in sorted(set(re.findall(r"\$Record(?:__Prior)?\.(\w+(?:\.\w+)*)", written))):
        yield from path_problems(source, started, path)
    for name in sorted(set(re.findall(r"\$Permission\.(\w+)", written))):
        if name not in source.of("customPermission"):
            yield f"no custom permission {name}"
    for setting, name in sorted(set(re.findall(r"\$Setup\.(\w+)\.(\w+)", written))):
        yield from field_problems(source, setting, [name], set())


def _choice(source: Source, choice: etree._Element) -> Iterator[str]:
    name = text(choice, "picklistObject") or text(choice, "object")
    fields = [*texts(choice, "picklistField"), *texts(choice, "displayField"), *texts(choice, "valueField")]
    fields += [*texts(choice, "sortField"), *texts(choice, "filters/field")]
    if name:
        yield from field_problems(source, name, fields, set())


def page(source: Source, path: Path) -> Iterator[str]:
    """Check a record page: its object, fields, actions, related lists and flows."""
    root = source.root(path)
    name = text(root, "sobjectType")
    if name and not source.knows(name):
        yield f"no object {name}"
    shown = [*texts(root, "*/fieldItem"), *re.findall(r"\{!(Record\.[\w.]+)\}", source.written(path))]
    for item in shown:
        yield from path_problems(source, name, item.removeprefix("Record."))
    for one in every(root, "*/componentInstanceProperties"):
        values = [*texts(one, "value"), *texts(one, "valueList/valueListItems/value")]
        yield from (problem for value in values for problem in _property(source, name, text(one, "name"), value))


def _property(source: Source, name: str, told: str, value: str) -> Iterator[str]:
    owner, _, tail = value.partition(".")
    if told == "relatedListApiName" and value.endswith("__r") and not source.child(name, value)[0]:
        yield f"{name} has no related list {value}"
    elif told in {"flowName", "flowApiName"} and value not in source.of("flow"):
        yield f"no flow {value}"
    elif told in {"actionNames", "actionName"} and tail and value not in source.of("quickAction"):
        yield f"no quick action {value}"
    elif told == "parentFieldApiName" and not source.has(owner, tail):
        yield f"{owner} has no field {tail}"


def report_type(source: Source, path: Path) -> Iterator[str]:
    """Check a report type: its objects, joins and columns."""
    root = source.root(path)
    base = text(root, "baseObject")
    if not source.knows(base):
        yield f"no object {base}"
    tables = _tables(source, root)
    yield from (f"{table} joins nothing" for table, name in tables.items() if not name)
    for column in every(root, "sections/columns"):
        table, field = text(column, "table"), text(column, "field")
        if not (name := tables.get(table)):
            yield f"no table {table}"
        elif field not in USER_REFERENCES:
            yield from path_problems(source, name, field)


def _tables(source: Source, root: etree._Element) -> dict[str, str]:
    """Return the object behind each table of a report type, empty where a join leads to nothing."""
    table = name = text(root, "baseObject")
    found, join = {table: name}, root.find("{*}join")
    while join is not None:
        table = f"{table}.{text(join, 'relationship')}"
        name = source.child(name, text(join, "relationship"))[0]
        found[table] = name
        join = join.find("{*}join")
    return found


def report(source: Source, path: Path) -> Iterator[str]:
    """Check a report: its folder, its type, and that every column belongs to the type."""
    root = source.root(path)
    if path.parent.name not in source.of("reportFolder"):
        yield f"no report folder {path.parent.name}"
    kind = text(root, "reportType").removesuffix("__c")
    if kind not in source.of("reportType"):
        yield f"no report type {kind}"
        return
    offered = _offered(source, source.root(source.of("reportType")[kind]))
    summed = {f"FORMULA{number}" for number in range(1, 10)} | set(texts(root, "aggregates/developerName"))
    for column in _columns(root):
        if column not in offered and column not in ROW_COUNT | summed:
            yield f"the report type has no column {column}"
    for item in every(root, "filter/criteriaItems"):
        name, field = offered.get(text(item, "column"), ("", ""))
        yield from value_problems(source, name, field, [one.strip() for one in text(item, "value").split(",")])


def _offered(source: Source, root: etree._Element) -> dict[str, tuple[str, str]]:
    """Return the object and field behind each column of a report type, as reports call it."""
    tables = _tables(source, root)
    columns = [(text(one, "table"), text(one, "field")) for one in every(root, "sections/columns")]
    return {f"{table}${field}": (tables.get(table, ""), field) for table, field in columns}


def _columns(root: etree._Element) -> set[str]:
    paths = (
        "columns/field", "groupingsDown/field", "groupingsAcross/field", "filter/criteriaItems/column",
        "timeFrameFilter/dateColumn", "chart/groupingColumn", "chart/secondaryGroupingColumn",
        "chart/chartSummaries/column", "sortColumn",
    )  # fmt: skip
    return {name for path in paths for name in texts(root, path)}


def dashboard(source: Source, path: Path) -> Iterator[str]:
    """Check a dashboard: its folder, and for each component the report and what it groups by."""
    root = source.root(path)
    if path.parent.name not in source.of("dashboardFolder"):
        yield f"no dashboard folder {path.parent.name}"
    for component in (*every(root, "*/dashboardComponent"), *every(root, "*/components")):
        folder, _, name = text(component, "report").partition("/")
        shown = source.of("report").get(name)
        if shown is None or shown.parent.name != folder:
            yield f"no report {folder}/{name}"
        else:
            yield from _component(source.root(shown), component)


def _component(shown: etree._Element, component: etree._Element) -> Iterator[str]:
    groups = {*texts(shown, "groupingsDown/field"), *texts(shown, "groupingsAcross/field")}
    for name in texts(component, "groupingColumn"):
        if name not in groups:
            yield f"the report does not group by {name}"
    known = _columns(shown) | ROW_COUNT | set(texts(shown, "aggregates/developerName"))
    for name in (*texts(component, "chartSummary/column"), *texts(component, "dashboardTableColumn/column")):
        if name not in known:
            yield f"the report has no column {name}"


def client_app(source: Source, path: Path) -> Iterator[str]:
    """Check a setting of an external client app: the app and the permission sets that it names."""
    root = source.root(path)
    for name in texts(root, "externalClientApplication"):
        if name not in source.of("eca"):
            yield f"no external client app {name}"
    for name in re.split(r"[,\s]+", text(root, "commaSeparatedPermissionSet")):
        if name and name not in source.of("permissionset"):
            yield f"no permission set {name}"


CHECKS = {
    "flow": flow, "flexipage": page, "reportType": report_type, "report": report, "dashboard": dashboard,
    "ecaOauth": client_app, "ecaGlblOauth": client_app, "ecaOauthPlcy": client_app, "ecaPlcy": client_app,
}  # fmt: skip
"""The check of each kind of file."""
