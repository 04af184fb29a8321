"""`make audit`: whether holes are known in the packages that are installed, or named by requirements-bench.txt.

pip-audit asks two services, and reports what it could not ask about as if nothing were known. We do not: whatever no
service has answered for is told, and the command fails.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
SERVICES = ("pypi", "osv")  # the second is asked if the first leaves something unanswered
SECONDS = 600
WHOLE = {
    "what is installed": ["--local"],
    "requirements-bench.txt": ["--requirement", "requirements-bench.txt", "--no-deps", "--disable-pip"],
}
# Id of a hole -> why it does not concern us. `make audit` says nothing of these.
ACCEPTED: dict[str, str] = {}

FOUND, UNANSWERED = 1, 2


def ask(place: list[str], service: str) -> list[dict[str, Any]] | None:
    """Each package with its holes, as pip-audit's JSON has it; None when the service gave no answer."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "-s", service]
    for hole in ACCEPTED:
        command += ["--ignore-vuln", hole]
    try:
        done = subprocess.run([*command, *place], cwd=PROJECT, capture_output=True, text=True, timeout=SECONDS)
        told = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None
    return list(told["dependencies"])


def verdict(where: str, packages: list[dict[str, Any]] | None) -> tuple[list[str], int]:
    """What to tell, and how the command ends."""
    if packages is None:
        return [f"error: nothing is known of {where}: no service for known holes can be reached from here."], UNANSWERED
    holes = [_named(each, hole) for each in packages for hole in each.get("vulns", [])]
    unasked = sorted(each["name"] for each in packages if "skip_reason" in each)
    lines = [f"{where}: {len(packages) - len(unasked)} packages asked about, {len(holes)} known holes", *holes]
    if unasked:
        lines.append(
            f"error: of {len(unasked)} packages nothing is known: no service answered for {', '.join(unasked[:10])}"
            + (" and others." if len(unasked) > 10 else ".")
        )
    return lines, FOUND if holes else UNANSWERED if unasked else 0


def _named(package: dict[str, Any], hole: dict[str, Any]) -> str:
    mended = ", ".join(hole["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}"


def main() -> int:
    codes = set()
    for where, place in WHOLE.items():
        for service in SERVICES:
            lines, code = verdict(where, ask(place, service))
            if code != UNANSWERED:
                break
        print(*lines, sep="\n", flush=True)
        codes.add(code)
    if UNANSWERED in codes:
        print("  fix: run make audit from where the package index, or another service for known holes, can be reached")
    return FOUND if FOUND in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
