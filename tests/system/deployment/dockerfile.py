"""A Dockerfile as data: its stages, their steps, and what a container of a stage starts."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Step:
    """One instruction; `text` is what follows the keyword, continuation lines joined."""

    keyword: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Stage:
    """`parent`: the stage or image it starts from."""

    parent: str
    own_steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """Stages by name; `arguments`: the defaults of those before the first stage."""

    stages: dict[str, Stage]
    arguments: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Self:
        text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        stages: dict[str, Stage] = {}
        arguments: dict[str, str] = {}
        name = ""
        for line in re.sub(r"\\\n\s*", " ", text).splitlines():
            if not line.strip():
                continue
            keyword, _, rest = line.strip().partition(" ")
            if keyword == "FROM":
                parent, _, name = (part.strip() for part in rest.partition(" AS "))
                stages[name] = Stage(parent=parent, own_steps=())
            elif not name:  # an ARG before the first FROM belongs to no stage
                argument, _, default = rest.strip().partition("=")
                arguments[argument] = default
            else:
                step = Step(keyword=keyword, text=rest.strip())
                stages[name] = Stage(parent=stages[name].parent, own_steps=(*stages[name].own_steps, step))
        return cls(stages=stages, arguments=arguments)

    def steps(self, stage: str) -> list[Step]:
        """Every step that makes `stage`, those of the stages it starts from first."""
        made = self.stages[stage]
        return [*(self.steps(made.parent) if made.parent in self.stages else []), *made.own_steps]

    def command(self, stage: str) -> list[str]:
        """What a container starts: ENTRYPOINT and CMD, both in exec form (a JSON list; anything else is an error)."""
        last = {
            step.keyword: step.text for step in self.steps(stage) if step.keyword in {"ENTRYPOINT", "CMD"}
        }
        return [*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])]

    def environment(self, stage: str) -> dict[str, str]:
        """ENV as written, variables not replaced."""
        pairs = (pair for step in self.steps(stage) if step.keyword == "ENV" for pair in step.text.split())
        return dict(pair.split("=", 1) for pair in pairs)
