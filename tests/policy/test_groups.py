"""Groups: who is in them, and what can't be one."""

import policy_kit as kit
import pytest

from peertransfer.disclosure.disclosed import Denied
from peertransfer.errors import PolicyError
from peertransfer.policy.engine import Engine
from peertransfer.policy.groups import MAX_GROUPS, MAX_MEMBERS
from peertransfer.policy.parse import parse_policy

RULE = '[[rule]]\nname = "r"\nto = ["group:friends"]\nshow.agent = "*"\n'
GROUPS = '[groups]\nfriends = ["peer:12D3peer", "group:family"]\nfamily = ["peer:12D3sister"]\n'


def policy(groups=GROUPS, rule=RULE):
    return parse_policy("version = 1\n" + groups + rule, "my.toml")


def fails(groups, rule=RULE):
    with pytest.raises(PolicyError) as caught:
        policy(groups, rule)
    assert caught.value.message.startswith(f"my.toml:{caught.value.line}: ")
    return caught.value


def sees(engine, peer):
    decision = engine.agent(kit.asker(peer=peer), agent_version="a", protocol_version="p", now=kit.NOW)
    return not isinstance(decision, Denied)


def test_a_rule_to_a_group_is_to_its_peers_and_those_of_groups_in_it():
    engine = Engine(policy())
    assert [sees(engine, peer) for peer in ("12D3peer", "12D3sister", "12D3xther")] == [True, True, False]
    inner = Engine(policy(rule=RULE.replace("group:friends", "group:family")))
    assert [sees(inner, peer) for peer in ("12D3peer", "12D3sister")] == [False, True]


def test_what_is_hidden_from_a_group_is_hidden_from_its_peers():
    engine = Engine(
        policy(
            rule=RULE.replace("group:friends", "anyone") + RULE.replace("show", "hide").replace('"r"', '"h"')
        )
    )
    assert [sees(engine, peer) for peer in ("12D3peer", "12D3sister", "12D3xther")] == [False, False, True]


def test_a_group_from_which_look_ups_are_hidden_serves_no_dht():
    engine = Engine(policy(rule=RULE.replace("show.agent", "hide.lookup")))
    assert not engine.may_use_as_server(kit.asker(peer="12D3sister"), kit.NOW)
    assert engine.may_use_as_server(kit.asker(peer=kit.OTHER), kit.NOW)


@pytest.mark.parametrize(
    ("groups", "line", "what", "mend"),
    [
        ('groups = ["peer:a"]\n', 2, '"groups" must be a table', "[groups]"),
        ('[groups]\nfriends = "peer:a"\n', 3, "list of texts", "friends = ["),
        ("[groups]\n\nfriends = []\n", 4, '"friends" is an empty list', "needs a peer"),
        ('[groups]\nfriend = ["peer:a"]\n', 6, 'unknown group "friends"', 'did you mean "friend"?'),
        ('[groups]\nfriends = [\n  "peer:a",\n  "grp:x"\n]\n', 5, "can't be in a group", "peer:"),
        ('[groups]\nfriends = ["peer:l0"]\n', 3, "can't be in a group", "peer:"),
        ('[groups]\nfriends = ["members"]\n', 3, "can't be in a group", "peer:"),
        (
            '[groups]\nfriends = ["group:familyy"]\nfamily = ["peer:a"]\n',
            3,
            'unknown group "familyy"',
            '"family"',
        ),
        ('[groups]\nfriends = ["group:friends"]\n', 3, '"friends" contains itself', "take one of them out"),
        (
            '[groups]\nx = ["peer:a"]\nfriends = ["group:a", "group:x"]\na = ["group:b"]\nb = ["group:a"]\n',
            5,
            '"a" contains itself, through "b"',
            "take one of them out",
        ),
        ('[groups]\nfriends = ["peer:a"]\n"a,b" = ["peer:a"]\n', 2, "name of a group", "comma and colon"),
    ],
)
def test_a_mistake_in_a_group_is_answered_with_its_line_and_the_mend(groups, line, what, mend):
    error = fails(groups)
    assert what in error.message
    assert mend in error.hint
    assert error.line == line


def test_too_many_groups_or_members_are_refused():
    many = "".join(f'g{number} = ["peer:a"]\n' for number in range(MAX_GROUPS))
    assert "1001 groups" in fails(f'[groups]\nfriends = ["peer:a"]\n{many}').message
    letters = "123456789ABCDEFGHJKLMN"
    peers = [f"{a}{b}{c}{d}" for a in letters for b in letters for c in letters for d in letters[:1]][:5000]
    lists = "".join(f'g{number} = ["group:big"]\n' for number in range(MAX_MEMBERS // 5000))
    names = ", ".join(f'"peer:{one}"' for one in peers)
    assert str(MAX_MEMBERS) in fails(f'[groups]\nfriends = ["peer:a"]\nbig = [{names}]\n{lists}').message


def test_a_long_chain_of_groups_is_read():
    chain = "".join(f'g{number} = ["group:g{number + 1}"]\n' for number in range(400))
    read = policy(f'[groups]\nfriends = ["group:g0"]\n{chain}g400 = ["peer:12D3peer"]\n').groups
    assert {one for one in read["friends"] if ":" not in one} == {"12D3peer"}
