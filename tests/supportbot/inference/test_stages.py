"""An operator is told what a start does and how long each step took."""

from supportbot.inference.runtime import Plan, Runtime
from supportbot.inference.stages import Stages


def test_each_stage_ends_where_the_next_begins():
    clock = iter([0.0, 1.0, 3.5, 4.0, 10.0])
    stages = Stages(lambda: next(clock))
    for name in ("weights", "libraries", "weights", ""):
        stages.begin(name)
    assert stages.seconds == {"weights": 2.5 + 6.0, "libraries": 0.5}
    assert str(stages) == "weights 8.5 s, libraries 0.5 s"
    assert stages.total == 9.0


def test_who_asks_while_it_loads_hears_what_is_being_done(tmp_path):
    plan = Plan("b", "c", "e", (), 1, 1, 1, "auto", tmp_path)
    runtime = Runtime(plan)
    runtime.stages.begin("libraries")
    assert (runtime.health().status, "(libraries)" in runtime.health().reason) == ("loading", True)
