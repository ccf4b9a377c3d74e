// A stock js-libp2p peer that a test drives: one JSON request a line on standard input, one answer a line
// on standard output ({"id", "ok"} or {"id", "error"}). It ends with its standard input.
//
// Nothing here knows Peertransfer: TCP, Noise, yamux, identify, ping, pnet and kad-dht are the library's
// own, so what passes here is what any js-libp2p node of a private network would see.

import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify, identifyPush } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

const RAW = 0x55
const identified = new Map()
const heard = []
let node

const addrs = (list) => list.map((addr) => addr.toString())
const limit = (seconds) => ({ signal: AbortSignal.timeout(seconds * 1000) })

// The DHT key is the multihash alone; js-libp2p wants it inside a CID.
const cid = (key) => CID.createV1(RAW, Digest.decode(Buffer.from(key, 'hex')))

function protocols ({ kad_protocol: protocol, client = false }) {
  return {
    identify: identify(),
    identifyPush: identifyPush(),
    ping: ping(),
    // Loopback addresses are filtered by default, and the first self-query comes after a second.
    dht: kadDHT({ protocol, clientMode: client, peerInfoMapper: passthroughMapper, initialQuerySelfInterval: 100 })
  }
}

const requests = {
  // `ping_every` (milliseconds): a monitor that often takes the one ping stream that kad-dht needs to admit a peer.
  async start ({ swarm_key: swarmKey, listen = [], ping_every: pingInterval = 10_000, ...dht }) {
    node = await createLibp2p({
      addresses: { listen },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionMonitor: { pingInterval },
      connectionProtector: swarmKey == null ? undefined : preSharedKey({ psk: Buffer.from(swarmKey) }),
      services: protocols(dht)
    })
    node.addEventListener('peer:identify', ({ detail }) => identified.set(detail.peerId.toString(), detail))
    return { peer_id: node.peerId.toString(), listen_addrs: addrs(node.getMultiaddrs()) }
  },

  async dial ({ addr, seconds = 10 }) {
    const { remotePeer, encryption, multiplexer } = await node.dial(multiaddr(addr), limit(seconds))
    return { peer_id: remotePeer.toString(), encryption, multiplexer }
  },

  async hang_up ({ peer_id: peerId }) {
    await node.hangUp(peerIdFromString(peerId))
    return {}
  },

  async connections () {
    return node.getConnections().map((one) => ({
      peer_id: one.remotePeer.toString(), direction: one.direction, status: one.status, rtt: one.rtt ?? null
    }))
  },

  // js-libp2p opens one ping stream at a time, and its monitor and kad-dht ping too: their turn ends soon.
  async ping ({ peer_id: peerId }) {
    const options = limit(5)
    while (true) {
      try {
        return { milliseconds: await node.services.ping.ping(peerIdFromString(peerId), options) }
      } catch (error) {
        if (error.name !== 'TooManyOutboundProtocolStreamsError') throw error
        await delay(20, undefined, options)
      }
    }
  },

  // What identify, or a push, said last; null as long as js-libp2p has accepted no answer.
  async identified ({ peer_id: peerId }) {
    const said = identified.get(peerId)
    return said == null ? null : {
      protocols: said.protocols,
      listen_addrs: addrs(said.listenAddrs),
      observed_addr: said.observedAddr?.toString() ?? null,
      agent_version: said.agentVersion ?? null,
      protocol_version: said.protocolVersion ?? null,
      signed_record: said.signedPeerRecord != null
    }
  },

  // Takes streams of a protocol, keeps who opened them and the first octets, and says nothing.
  async hear ({ protocol }) {
    await node.handle(protocol, async (stream, connection) => {
      const peerId = connection.remotePeer.toString()
      for await (const octets of stream) {
        heard.push({ peer_id: peerId, octets: Buffer.from(octets.subarray()).toString('hex') })
        break
      }
      await stream.close()
    })
    return {}
  },

  async heard () {
    return heard
  },

  async table () {
    return [...node.services.dht.routingTable.kb.toIterable()].map((contact) => contact.peerId.toString())
  },

  async provide ({ key }) {
    await node.contentRouting.provide(cid(key), limit(20))
    return {}
  },

  async find ({ key, seconds = 10 }) {
    const providers = []
    for await (const { id, multiaddrs } of node.contentRouting.findProviders(cid(key), limit(seconds))) {
      providers.push({ peer_id: id.toString(), addrs: addrs(multiaddrs) })
    }
    return providers
  },

  async find_peer ({ peer_id: peerId, seconds = 10 }) {
    const { id, multiaddrs } = await node.peerRouting.findPeer(peerIdFromString(peerId), limit(seconds))
    return { peer_id: id.toString(), addrs: addrs(multiaddrs) }
  }
}

async function answer (line) {
  const { id, request, ...facts } = JSON.parse(line)
  try {
    return { id, ok: await requests[request](facts) }
  } catch (error) {
    return { id, error: { name: error.name, message: error.message } }
  }
}

const write = (value) => process.stdout.write(JSON.stringify(value) + '\n')

for await (const line of createInterface({ input: process.stdin })) {
  // Not awaited: a long look-up does not hold up a ping.
  answer(line).then(write)
}
await node?.stop()
process.exit(0)
