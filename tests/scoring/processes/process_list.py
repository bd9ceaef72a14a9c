"""Which processes of a project folder are alive? Read from /proc, not from what was started."""

from __future__ import annotations

from pathlib import Path


def project_processes(project: Path) -> dict[int, str]:
    """Return the living processes whose environment names the project folder: pid → command."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        if f"SCORING_PROJECT={project}".encode() in environment and state != "Z":
            found[int(folder.name)] = command.decode("utf-8", "replace").strip()
    return found
