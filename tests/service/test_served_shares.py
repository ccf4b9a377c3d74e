"""What is provided where and until when."""

from answering_kit import NETWORK, run_provider

NOW = 1_000_000


async def test_what_a_locator_leads_to_is_what_is_provided_under_it_now(tmp_path, monkeypatch):
    clock = [NOW]
    monkeypatch.setattr("peertransfer.service.served_shares.wall_clock", lambda: clock[0])
    async with run_provider(tmp_path) as provider:
        served = provider.served

        def found(*wanted):
            under = [served.provided_under(NETWORK, one.locator) for one in wanted]
            assert served.provided(NETWORK) == {
                one.locator: item for one, item in zip(wanted, under, strict=True) if item
            }
            return [item and (item.manifest_cid, item.link_id) for item in under]

        kept, _ = await provider.share({"a": b"a"}, "kept")
        over, _ = await provider.share({"b": b"b"}, "over", expires_at=NOW + 20)
        alice, bob = await provider.link(kept), await provider.link(kept, "bob", expires_at=NOW + 10)
        eve = await provider.link(over, "eve")
        whole = [(kept, "alice"), (kept, "bob"), (over, "eve")]
        assert found(alice, bob, eve) == whole
        assert served.provided_under("another", alice.locator) is None
        assert served.provided_under(NETWORK, bytes(32)) is None

        clock[0] = NOW + 9
        assert found(alice, bob, eve) == whole
        clock[0] = NOW + 10
        assert found(alice, bob, eve) == [(kept, "alice"), None, (over, "eve")]
        clock[0] = NOW + 20
        assert found(alice, bob, eve) == [(kept, "alice"), None, None]
        clock[0] = NOW

        await provider.end_link("bob")
        assert found(alice, bob, eve) == [(kept, "alice"), None, (over, "eve")]
        served.withdraw(kept)
        assert found(alice, bob, eve) == [None, None, (over, "eve")]
