"""Every decision of an engine, and what each lets out, for tests that compare whole policies."""

import policy_kit as kit

from peertransfer.content.opening import OpenSlot
from peertransfer.disclosure import views as v
from peertransfer.disclosure.disclosed import Denied

ADDRS = (kit.PUBLIC_ADDR, kit.PRIVATE_ADDR)
RECORD = v.PeerRecord(b"peer", (b"addr",))


def decisions(engine, asker, item, facts):
    """Every decision, by the name of what was asked."""
    now = kit.NOW
    full = v.CatalogueItem(item.manifest_cid, "title", 1, 2, "link")
    return {
        "addresses": engine.addresses(
            asker, listen_addrs=ADDRS, observed_addr=b"o", closer_peers=(RECORD,), now=kit.NOW
        ),
        "identify": engine.protocols(asker, protocol_ids=("/p",), now=kit.NOW),
        "hello": engine.protocols(asker, hello=v.Hello(1, 8, b"n" * 32), now=kit.NOW),
        "agent": engine.agent(asker, agent_version="a", protocol_version="p", now=kit.NOW),
        "provide": engine.provide(asker.network_id, item, locator=b"l", addrs=ADDRS, now=now),
        "provide_to": engine.provide_to(asker, item, locator=b"l", addrs=ADDRS, now=now),
        "records": engine.provider_records(asker, provider_records=(RECORD,), now=kit.NOW),
        "lookup": engine.lookup(asker.network_id, key=b"k", now=kit.NOW),
        "want": engine.want(asker, item_cid=item.manifest_cid, locator=b"l", proof=b"p", now=kit.NOW),
        "catalogue": engine.catalogue(asker, items=[(item, full)], now=kit.NOW),
        "manifest": engine.manifest(asker, item, octets=b"m", now=now),
        "openings": kit.decide_openings(engine, asker, item, facts),
        "content": engine.content(asker, item, facts, now=now),
        "grant": engine.grant(asker, item, proof=b"p", until=9, now=now),
        "refusal": engine.refusal(asker, code=1, request_id=2, now=kit.NOW),
    }


def facts_of(decision):
    """Everything that a decision lets out, as a set of comparable facts."""
    if isinstance(decision, Denied):
        return set()
    view = decision.view
    if isinstance(view, v.OpeningsView):
        found = {
            (entry.index, slot.slot)
            for entry in view.entries
            for slot in entry.slots
            if isinstance(slot, OpenSlot)
        }
        return found | ({("share", slot) for slot in kit.opened(view.share.slots)} if view.share else set())
    if isinstance(view, v.ContentView):
        return set(range(100)) if view.entries is None else set(view.entries)
    if isinstance(view, v.CatalogueView):
        return {
            name
            for one in view.items
            for name in v.VIEW_FIELDS["catalogue"]
            if getattr(one, name) is not None
        }
    if isinstance(view, v.RefusalView):
        return {"code"}
    return {name for name in v.VIEW_FIELDS[view.name] if getattr(view, name) not in (None, (), False)}
