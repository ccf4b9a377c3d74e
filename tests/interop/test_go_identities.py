"""go-libp2p peers whose identity is no Ed25519 key, which this node takes from nobody: they get a clean no."""

import time

import pytest
from interop_kit import NodeHome, PeerError, new_swarm_key, start_peer

pytestmark = pytest.mark.interop
KAD = "/peertransfer/pexample/kad/1.0.0"


@pytest.fixture(params=["rsa", "ecdsa", "secp256k1"])
def identity(request):
    return request.param


async def test_it_is_hung_up_on_at_once_and_others_still_get_in(tmp_path, identity):
    async with (
        NodeHome(tmp_path).run_open() as host,
        start_peer("go", None, KAD, identity=identity) as foreign,
        start_peer("go", None, KAD) as usual,
    ):
        began = time.monotonic()
        with pytest.raises(PeerError):
            await foreign.ask("dial", addr=host["listen_addrs"][0])
        assert time.monotonic() - began < 3
        assert await foreign.ask("connections") == []
        await usual.ask("dial", addr=host["listen_addrs"][0])
        await usual.ask("ping", peer_id=host["peer_id"])


async def test_as_a_bootstrap_peer_it_is_refused_by_name_before_it_is_dialled(tmp_path, identity):
    swarm_key = new_swarm_key()
    file = tmp_path / "swarm.key"
    file.write_text(swarm_key)
    file.chmod(0o600)
    home = NodeHome(tmp_path)
    async with start_peer("go", swarm_key, KAD, identity=identity) as foreign:
        await home.must("init", "--accept-privacy")
        code, document, _ = await home.call(
            "network", "join", "--name", "field", "--psk", file, "--bootstrap", foreign.addr
        )
        assert (code, document["error"]["code"]) == (2, "usage")
        assert "Ed25519" in document["error"]["message"]
        assert await foreign.ask("connections") == []
