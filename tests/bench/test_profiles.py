"""Sampled stacks are summed up and drawn."""

import xml.etree.ElementTree as ET

from bench.flame import WIDTH, flame_graph
from bench.folded import parse, short

RAW = """\
<module> (bin/peertransfer:8);run (/x/site-packages/trio/_core/_run.py:10);seal (node/peertransfer/transport/records.py:5) 3
<module> (bin/peertransfer:8);run (/x/site-packages/trio/_core/_run.py:12);seal (node/peertransfer/transport/records.py:9) 5
<module> (bin/peertransfer:8);wait (/usr/lib/python3.11/threading.py:1) 2
"""


def test_lines_of_the_same_functions_are_added_up():
    stacks = parse(RAW)
    assert stacks.total == 10
    assert stacks.own()["seal (transport/records.py)"] == 8


def test_stacks_that_only_wait_can_be_left_out():
    stacks = parse(RAW).without(frozenset({"wait (python3.11/threading.py)"}))
    assert stacks.total == 8


def test_a_frame_names_no_folder_of_the_machine():
    assert short("run (/home/x/.venv/lib/python3.11/site-packages/trio/a.py:3)") == "run (trio/a.py)"
    assert short("of another form") == "of another form"


def test_a_box_is_as_wide_as_its_share_and_what_it_calls_is_within():
    root = ET.fromstring(flame_graph(parse(RAW), "a <title>"))
    boxes = {
        group[0].text: group[1] for group in root.iter("{http://www.w3.org/2000/svg}g") if len(group) > 1
    }
    seal = boxes["seal (transport/records.py) 80.0 %"]
    run = boxes["run (trio/_core/_run.py) 80.0 %"]
    assert float(seal.get("width")) == WIDTH * 0.8
    assert seal.get("x") == run.get("x")
    assert float(seal.get("y")) > float(run.get("y"))
