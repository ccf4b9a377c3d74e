"""What holds for every policy, asker and item."""

from dataclasses import replace

import policy_kit as kit
from hypothesis import given
from hypothesis import strategies as st
from policy_decisions import ADDRS, RECORD, decisions, facts_of
from policy_strategies import askers, books, entries, items, policies, spent_by

from peertransfer.disclosure import views as v
from peertransfer.disclosure.disclosed import Denied
from peertransfer.policy.engine import Engine
from peertransfer.policy.explain import Explainer
from peertransfer.policy.matching import RuleIndex


def fields_of(decision):
    """The fields that a sealed view holds, by the names of ``VIEW_FIELDS``."""
    found = facts_of(decision)
    if isinstance(decision.view, v.OpeningsView):
        return {f"share_{slot}" if where == "share" else slot for where, slot in found}
    return {"octets"} if isinstance(decision.view, v.ContentView) else found


@given(policies(), books, askers, items, entries)
def test_no_view_holds_a_field_that_its_rules_do_not_show(policy, book, asker, item, facts):
    by_name = {rule.name: rule for rule in policy.rules}
    for decision in decisions(Engine(policy, spent_by(book)), asker, item, facts).values():
        if isinstance(decision, Denied):
            continue
        assert {name for record in decision.records for name in record.fields} == fields_of(decision)
        for record in decision.records:
            rules = [by_name[name] for name in record.rule.split(",") if name]
            shown = set().union(*(rule.show.get(record.view, ()) for rule in rules))
            assert set(record.fields) <= shown
            for rule in rules:
                assert rule.show[record.view] & set(record.fields)


@given(policies(), policies(max_size=2), books, askers, items, entries)
def test_adding_what_hides_never_reveals_more(policy, more, book, asker, item, facts):
    hiding = tuple(replace(one, name=f"h{place}", show={}) for place, one in enumerate(more.rules))
    before = decisions(Engine(policy, spent_by(book)), asker, item, facts)
    stricter = replace(policy, rules=policy.rules + hiding)
    after = decisions(Engine(stricter, spent_by(book)), asker, item, facts)
    for name, decision in after.items():
        assert facts_of(decision) <= facts_of(before[name])


@given(policies(), st.randoms(use_true_random=False), books, askers, items, entries)
def test_the_order_of_rules_does_not_matter(policy, random, book, asker, item, facts):
    shuffled = list(policy.rules)
    random.shuffle(shuffled)
    again = Engine(replace(policy, rules=tuple(shuffled)), spent_by(book))
    engine = Engine(policy, spent_by(book))
    assert decisions_equal(decisions(engine, asker, item, facts), decisions(again, asker, item, facts))
    assert decisions_equal(decisions(engine, asker, item, facts), decisions(engine, asker, item, facts))
    assert engine.may_serve(asker, item, kit.NOW) == again.may_serve(asker, item, kit.NOW)
    assert engine.may_use_as_server(asker, kit.NOW) == again.may_use_as_server(asker, kit.NOW)


def decisions_equal(some, others):
    return all(some[name] == others[name] for name in some)


@given(policies(), askers, items, entries)
def test_proving_less_reveals_no_more_where_nothing_is_hidden(policy, asker, item, facts):
    showing = Engine(replace(policy, rules=tuple(replace(one, hide={}) for one in policy.rules)))
    more = decisions(showing, asker, item, facts)
    less = decisions(showing, kit.asker(network=asker.network_id), item, facts)
    for name, decision in less.items():
        assert facts_of(decision) <= facts_of(more[name])


@given(policies(), askers, items, entries, entries)
def test_whether_it_is_denied_does_not_depend_on_what_is_hidden(policy, asker, item, some, others):
    """Two runs that differ only in a field's value get the same answer up to that field."""
    engine = Engine(policy)
    full = engine.addresses(
        asker, listen_addrs=ADDRS, observed_addr=b"o", closer_peers=(RECORD,), now=kit.NOW
    )
    index = RuleIndex(policy)
    shown = index.verdict("addresses", index.of_peer(asker, kit.NOW))
    other = engine.addresses(
        asker,
        listen_addrs=ADDRS if "listen_addrs" in shown else (b"b", kit.PRIVATE_ADDR),
        observed_addr=b"o" if "observed_addr" in shown else None,
        closer_peers=(RECORD,) if "closer_peers" in shown else (),
        now=kit.NOW,
    )
    assert other == full
    first, second = (kit.decide_openings(engine, asker, item, facts) for facts in (some, others))
    assert isinstance(first, Denied) == isinstance(second, Denied)


@given(policies(), books, askers, items, entries)
def test_what_is_granted_can_be_served(policy, book, asker, item, facts):
    engine = Engine(policy, spent_by(book))
    made = decisions(engine, asker, item, facts)
    granted = all(not isinstance(made[name], Denied) for name in ("grant", "manifest", "openings"))
    assert engine.may_serve(asker, item, kit.NOW) == granted


@given(policies(), askers, items, entries)
def test_what_is_explained_is_what_is_decided(policy, asker, item, facts):
    item = replace(item, expires_at=0)
    made = decisions(Engine(policy), asker, item, facts)
    explained = Explainer(policy).explain(asker, item, now=kit.NOW)
    for name in ("addresses", "agent", "catalogue", "manifest"):
        shown = {field for field in v.VIEW_FIELDS[name] if explained[f"{name}.{field}"].shown}
        assert shown == facts_of(made[name])
    for facts_of_entry in facts:
        told = Explainer(policy).explain(asker, item, facts_of_entry, now=kit.NOW)
        slots = {slot for where, slot in facts_of(made["openings"]) if where == facts_of_entry.index}
        assert slots == {slot for slot in v.ENTRY_SLOTS if told[f"openings.{slot}"].shown}
        assert told["content.octets"].shown == (facts_of_entry.index in facts_of(made["content"]))


# --- conditions ------------------------------------------------------------------------------------


@given(policies(), books, askers, items, entries)
def test_what_is_out_of_its_time_or_budget_shows_as_if_it_were_not_there(policy, book, asker, item, facts):
    policy = replace(
        policy,
        rules=tuple(replace(one, limit=replace(one.limit, items_per_day=None)) for one in policy.rules),
    )

    def is_open(rule):
        if rule.limit.is_none:
            return True
        used = spent_by(book)(rule.name, "", "", kit.NOW)
        caps = (
            (rule.limit.per_minute, used.decisions),
            (rule.limit.octets_per_day, used.octets),
        )
        return not used.is_all and all(cap is None or amount < cap for cap, amount in caps)

    timely = [one for one in policy.rules if one.when.holds(kit.NOW)]
    left = tuple(one if is_open(one) else replace(one, show={}) for one in timely)
    limited = decisions(Engine(policy, spent_by(book)), asker, item, facts)
    plain = decisions(Engine(replace(policy, rules=left)), asker, item, facts)
    assert decisions_equal(limited, plain)


@given(policies(), books, books, askers, items, entries)
def test_spending_more_never_reveals_more(policy, book, more, asker, item, facts):
    def both(name):
        some, others = (spent_by(one)(name, "", "", 0) for one in (book, more))
        return replace(
            some,
            decisions=some.decisions + others.decisions,
            octets=some.octets + others.octets,
            is_all=some.is_all or others.is_all,
        )

    names = [rule.name for rule in policy.rules]
    before = decisions(Engine(policy, spent_by(book)), asker, item, facts)
    after = decisions(Engine(policy, spent_by({name: both(name) for name in names})), asker, item, facts)
    for name, decision in after.items():
        assert facts_of(decision) <= facts_of(before[name])


@given(policies(), books, askers, items)
def test_a_grant_goes_on_wherever_a_new_one_would_be_given(policy, book, asker, item):
    engine = Engine(policy, spent_by(book))
    assert engine.may_go_on(asker, item, kit.NOW) >= engine.may_serve(asker, item, kit.NOW)


@given(policies(), books, books, askers, items, entries, st.sampled_from([0, 3600, 86_400, 30 * 86_400]))
def test_as_long_as_the_basis_is_the_same_so_is_what_content_may_go(
    policy, book, more, asker, item, facts, later
):
    item = replace(item, expires_at=0)
    policy = replace(
        policy,
        rules=tuple(
            replace(one, limit=replace(one.limit, per_minute=None, items_per_day=None))
            for one in policy.rules
        ),
    )
    first, second = (Engine(policy, spent_by(one)) for one in (book, more))
    now, then = kit.NOW, kit.NOW + later
    if first.basis(asker, item, now) == second.basis(asker, item, then):
        some = first.content(asker, item, facts, now=now)
        others = second.content(asker, item, facts, now=then)
        assert facts_of(some) == facts_of(others)


# --- coarser forms ---------------------------------------------------------------------------------


@given(policies(), books, askers, items, entries)
def test_coarsening_is_monotone(policy, book, asker, item, facts):
    """Whoever sees the fine form may see the coarse one; whoever may see the coarse one alone sees no more."""
    named = {(view, name) for one in policy.rules for view, names in one.show.items() for name in names}
    explained = [Explainer(policy).explain(asker, item, one, now=kit.NOW) for one in (None, *facts)]
    for view, finer in v.COARSER.items():
        for fine, coarse in finer.items():
            for told in explained:
                if told[f"{view}.{fine}"].shown:
                    assert (view, fine) in named
                    assert not any(is_hidden(told, f"{view}.{name}") for name in coarse)
    made = decisions(Engine(policy, spent_by(book)), asker, item, facts)
    for name in ("addresses", "provide"):
        if not isinstance(made[name], Denied):
            view = made[name].view
            full = view.listen_addrs if name == "addresses" else view.addrs
            assert view.private_addrs in {(), (kit.PRIVATE_ADDR,)}
            assert full in {(), ADDRS}


def is_hidden(told, name):
    return not told[name].shown and bool(told[name].rule)
