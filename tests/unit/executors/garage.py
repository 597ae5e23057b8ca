"""A kind of engine that has a setting of every type, for tests of settings; nothing of it can be started."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pollinator_magic.executors.kinds import EngineKind, FilePath, Finding, Program, Settings


class Wheel(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    maker: str
    size_mm: Annotated[int, Meta(ge=100, le=900)] = 500
    invoice: FilePath = ""


class CarSettings(Settings, frozen=True):
    colour: Annotated[str, Meta(description="What it looks like.")] = "red"
    seats: Annotated[int, Meta(ge=1, le=9, description="How many can sit in it.")] = 4
    tank_l: Annotated[float, Meta(gt=0, description="Litres.")] = 50.0
    electric: Annotated[bool, Meta(description="Whether it needs no tank.")] = False
    drive: Annotated[Literal["front", "rear"], Meta(description="Which axle.")] = "front"
    plate: Annotated[str | None, Meta(description="Its number, if it has one.")] = None
    name: Annotated[str, Meta(description="What it is called.")] = ""
    extras: Annotated[list[str], Meta(description="What else.")] = msgspec.field(default_factory=list)
    wheels: Annotated[dict[str, Wheel], Meta(description="By their place.")] = msgspec.field(default_factory=dict)
    spares: Annotated[list[Wheel], Meta(description="In the boot.")] = msgspec.field(default_factory=list)
    papers: Annotated[FilePath | None, Meta(description="Where its papers lie.")] = None
    maps: Annotated[list[FilePath], Meta(description="Where maps lie.")] = msgspec.field(default_factory=list)
    key: Annotated[Program, Meta(description="What starts it.")] = ""
    towing: Annotated[Wheel | str | None, Meta(description="A wheel to tow, or its name.")] = None

    def __post_init__(self):
        if self.electric and self.tank_l != 50.0:
            raise ValueError("tank-l is of no use where electric is true")


def check(_settings, directory):
    yield Finding(f"a garage at {directory}")


KIND = EngineKind("car", "Jobs are driven around.", CarSettings, lambda _settings, _directory: None, check)
