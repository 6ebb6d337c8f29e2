"""Salesforce's own library takes the package: it knows every folder, suffix and type. Run by ``make test-node``.

What stands inside the files is not its concern: ``test_metadata_schema`` and ``test_metadata_references`` read them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from metadata_source import PROJECT, Source

HERE = Path(__file__).parent


def convert(project: Path, home: Path) -> subprocess.CompletedProcess[str]:
    quiet = os.environ | {"SF_DISABLE_TELEMETRY": "true", "HOME": str(home)}
    command = ["node", str(HERE / "convert.cjs"), str(project), str(home / "converted")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=quiet)


def test_the_whole_package_is_converted(tmp_path: Path) -> None:
    done = convert(PROJECT, tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    source = Source()
    found = sum((Counter(part["types"]) for part in told.values()), Counter[str]())
    assert found["PermissionSet"] == len(source.of("permissionset")) > 0
    assert found["CustomTab"] == len(source.of("tab")) > 0
    assert found["Flow"] == len(source.of("flow")) > 0
    assert found["Layout"] == len(source.of("layout")) > 0
    assert found["CustomObject"] >= len(source.of("object")) > 0
    assert list((tmp_path / "converted").rglob("package.xml"))


def test_an_unknown_type_is_refused(tmp_path: Path) -> None:
    project = shutil.copytree(PROJECT, tmp_path / "project")
    (project / "base/main/default/tabs/ACE_Worker__c.tabb-meta.xml").write_text("<CustomTab/>", encoding="utf8")
    done = convert(project, tmp_path)
    assert done.returncode == 1
    assert "ACE_Worker__c.tabb" in done.stderr
