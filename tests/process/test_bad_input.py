"""Input that is wrong: one line that says how to mend it, the exit code, and nothing lost that was there."""

import contextlib
import json
import os
import socket
import threading

import pytest
from process_kit import octets, people, refused

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def busy(pair):
    """Return a node that has an open host, and its TCP port."""
    path = pair[0].folder / "anything"
    path.write_bytes(octets(10))
    pair[0].ask("share", path, "--network", "open")
    return pair[0], pair[0].address().split("/")[4]


@pytest.fixture
def carol():
    """Return somebody with a home of her own and no node."""
    with people("carol") as (person,):
        yield person


def networks(person):
    """Return the networks that a node is in, but the open one."""
    return [one for one in person.ask("network", "list")["networks"] if one["network_id"] != "open"]


def test_a_missing_path_is_named(pair):
    path = pair[0].folder / "is not there"
    assert str(path) in refused(pair[0].command("share", path), 1)


def test_a_path_through_a_file_is_named(pair):
    (pair[0].folder / "plain").write_bytes(b"x")
    assert "plain/below" in refused(pair[0].command("share", pair[0].folder / "plain" / "below"), 1)


def test_a_pipe_is_no_file(pair):
    os.mkfifo(pair[0].folder / "pipe")
    assert "pipe" in refused(pair[0].command("share", pair[0].folder / "pipe"), 1)


def test_a_pipe_in_a_folder_is_listed_and_does_not_hang(pair):
    folder = pair[0].folder / "with a pipe"
    folder.mkdir()
    (folder / "file").write_bytes(b"x")
    os.mkfifo(folder / "pipe")
    answer = pair[0].ask("share", folder)
    assert (answer["files"], len(answer["skipped"])) == (1, 1)
    assert "pipe" in str(answer["skipped"])


def test_a_destination_below_a_folder_that_is_missing(pair):
    path = pair[0].folder / "behind"
    path.write_bytes(octets(100))
    link = pair[0].ask("share", path)["link"]
    dest = pair[1].folder / "no such folder" / "file"
    assert str(dest.parent) in refused(pair[1].command("get", "-", dest, text=link), 2)
    assert not dest.parent.exists()


def test_a_malformed_address_is_a_usage_error(pair):
    path = pair[0].folder / "addressed"
    path.write_bytes(octets(100))
    link = pair[0].ask("share", path)["link"]
    refused(pair[1].command("get", "-", pair[1].folder / "no", "--from", "/nowhere/1", text=link), 2)


def test_a_second_node_on_the_same_home_is_refused(pair):
    assert "node runs" in refused(pair[0].command("run"), 1)
    assert pair[0].ask("status")["state"] == "running"


def test_a_port_in_use_is_named(busy, carol):
    carol.start()
    carol.ask("network", "create", "hers")
    carol.stop()
    done = carol.command("run", "--listen", f"/ip4/127.0.0.1/tcp/{busy[1]}")
    assert busy[1] in refused(done, 1)
    carol.start()
    assert len(carol.ready["hosts"]) == 1


def test_a_home_with_wide_modes_is_refused(carol):
    carol.home.chmod(0o755)
    for words in (["run"], ["ls"], ["status"]):
        assert "chmod 700" in refused(carol.command(*words), 1)
    carol.home.chmod(0o700)
    (carol.home / "peertransfer.db").chmod(0o644)
    assert "chmod 600" in refused(carol.command("run"), 1)


def test_a_damaged_database_is_named_and_left_alone(carol):
    carol.start()
    carol.stop()
    path = carol.home / "peertransfer.db"
    damaged = b"not a database!!" + path.read_bytes()[16:]
    path.write_bytes(damaged)
    for words in (["run"], ["share", str(carol.log)]):
        assert str(path) in refused(carol.command(*words), 1)
        assert path.read_bytes() == damaged


def test_a_network_key_of_the_wrong_length_is_refused(pair):
    key = pair[0].folder / "short.key"
    key.write_text("/key/swarm/psk/1.0.0/\n/base16/\n" + "a1b2" * 5 + "\n")
    assert "32" in refused(pair[0].command("network", "join", "--name", "n", "--psk", key), 2)
    assert networks(pair[0]) == []


def test_something_else_is_no_invite(pair):
    refused(pair[0].command("network", "join", "-", text="ptinvite:nothing"), 2)
    assert networks(pair[0]) == []


def test_a_mistake_in_the_policy_is_named_by_file_line_and_nearest_word(carol):
    path = carol.home / "policy.toml"
    good = path.read_text()
    wrong = good.rstrip("\n") + '\n\n[[rule]]\nname = "mine"\nitms = ["*"]\n'
    path.write_text(wrong)
    line = f"policy.toml:{len(wrong.splitlines())}"
    for words in (["policy", "check", str(path)], ["run"]):
        said = refused(carol.command(*words), 2)
        assert line in said
        assert "items" in said
    path.write_text(good)
    carol.start()
    path.write_text(wrong)
    assert line in refused(carol.command("policy", "reload"), 2)
    assert carol.ask("status")["state"] == "running"


def test_an_unknown_command_and_a_missing_node_have_one_line(carol):
    refused(carol.command("obtain"), 2)
    refused(carol.command("peers"), 1)


def test_a_share_that_is_not_there_is_named(pair):
    for words in (["unshare"], ["link", "create"]):
        assert "'nonsense' is none of this node's shares" in refused(pair[0].command(*words, "nonsense"), 1)


def test_a_network_is_shown_without_a_node(carol):
    carol.start()
    made = carol.ask("network", "create", "hers")
    running = carol.ask("network", "show", "hers")
    carol.stop()
    stopped = carol.ask("network", "show", "hers")
    assert stopped.items() >= {**made, "kind": "own", "has_psk": True, "bootstrap": []}.items()
    assert stopped["peer_id"] == running["peer_id"]
    assert running["listen_addrs"]
    assert "'his' is none of this node's networks" in refused(carol.command("network", "show", "his"), 1)


def test_a_peer_that_answers_garbage_is_named_by_its_address(pair, carol):
    path = pair[0].folder / "elsewhere"
    path.write_bytes(octets(100))
    link = pair[0].ask("share", path, "--network", "open")["link"].partition("&a=")[0]
    peer_id = pair[0].address().rpartition("/")[2]
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_talk_nonsense, args=(server,), daemon=True).start()
        where = f"/ip4/127.0.0.1/tcp/{server.getsockname()[1]}"
        words = ["get", "-", carol.folder / "no", "--from", f"{where}/p2p/{peer_id}"]
        said = refused(carol.command(*words, text=link), 5)
        server.shutdown(socket.SHUT_RDWR)
    assert where in said
    assert "no libp2p node" in said
    said = refused(carol.command(*words, text=link), 3)
    assert f"{where}: nothing listens there" in said


def _talk_nonsense(server):
    with contextlib.suppress(OSError):
        while True:
            taken, _ = server.accept()
            with taken:
                taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                taken.recv(4_096)


def findings(person, code=1):
    """Return what doctor finds wrong, by name, and the names of all that it examined."""
    done = person.command("doctor")
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr == ""
    checks = json.loads(done.stdout)["checks"]
    return {one["name"]: one for one in checks if not one["ok"]}, [one["name"] for one in checks]


EXAMINED = ["home", "config", "policy", "consent", "database", "disk", "clock", "node"]


def test_the_doctor_finds_nothing_wrong_in_a_new_home(carol):
    assert findings(carol, 0) == ({}, EXAMINED)


def test_the_doctor_examines_the_rest_where_a_home_is_wide(carol):
    carol.home.chmod(0o755)
    bad, names = findings(carol)
    assert list(bad) == ["home"]
    assert "chmod 700" in bad["home"]["mend"]
    assert names == EXAMINED
    carol.home.chmod(0o700)
    carol.start()
    (carol.home / "policy.toml").chmod(0o666)
    assert list(findings(carol)[0]) == ["home"]


def test_the_doctor_finds_a_damaged_database(carol):
    path = carol.home / "peertransfer.db"
    damaged = bytearray(path.read_bytes())
    damaged[4096 * 2 : 4096 * 3] = bytes(range(256)) * 16
    path.write_bytes(damaged)
    bad, _ = findings(carol)
    assert list(bad) == ["database"]
    assert "damaged" in bad["database"]["detail"]
    assert path.read_bytes() == damaged


def test_the_doctor_names_the_config_and_its_line(carol):
    path = carol.home / "config.toml"
    path.write_text(path.read_text() + "lisen = []\n")
    bad, names = findings(carol)
    assert list(bad) == ["config"]
    assert f"line {len(path.read_text().splitlines())}" in bad["config"]["detail"]
    assert names == EXAMINED


def test_the_doctor_tries_the_ports_while_no_node_runs(carol):
    carol.start()
    carol.ask("network", "create", "hers")
    port = int(carol.ask("status")["hosts"][0]["listen_addrs"][0].split("/")[4])
    carol.stop()
    assert findings(carol, 0) == ({}, [*EXAMINED, "identity (hers)", "port (hers)"])
    with socket.create_server(("127.0.0.1", port)):
        bad, _ = findings(carol)
    assert list(bad) == ["port (hers)"]
    assert str(port) in bad["port (hers)"]["detail"]
    assert bad["port (hers)"]["mend"]


def test_the_doctor_says_that_there_is_no_home(carol):
    carol.home = carol.folder / "nowhere"
    bad, names = findings(carol)
    assert list(bad) == ["home"]
    assert "peertransfer init" in bad["home"]["mend"]
    assert names == ["home", "disk", "clock", "node"]
    assert not carol.home.exists()


def test_a_lost_database_is_not_taken_for_an_empty_one(carol):
    path = carol.home / "peertransfer.db"
    path.unlink()
    for words in (["ls"], ["run"], ["transfers"]):
        assert "peertransfer init" in refused(carol.command(*words), 1)
        assert not path.exists()
    assert list(findings(carol)[0]) == ["database"]
    answer = carol.ask("init")
    assert (answer["created"], answer["database_renewed"]) == (False, True)
    assert carol.ask("ls") == {"shares": []}
    assert carol.ask("init")["database_renewed"] is False
