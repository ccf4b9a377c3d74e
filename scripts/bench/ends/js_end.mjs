// js-libp2p with its defaults: TCP, Noise, yamux. The words are those of all ends: see __init__.py beside this file.
import { createLibp2p } from 'libp2p'
import { tcp } from '@libp2p/tcp'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { multiaddr } from '@multiformats/multiaddr'

const PROTOCOL = '/bench/1'
const CHUNK = 65536
const PING = 32
const [word, addr, work, count, streams] = process.argv.slice(2)

const node = await createLibp2p({
  addresses: { listen: word === 'listen' ? ['/ip4/127.0.0.1/tcp/0'] : [] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  // Otherwise it takes no more than five dials of one host in a second.
  connectionManager: { inboundConnectionThreshold: Infinity }
})

const request = (size) => {
  const head = Buffer.alloc(8)
  head.writeBigUInt64BE(BigInt(size))
  return new Uint8Array(head)
}

async function send (stream, octets) {
  if (!stream.send(octets)) await stream.onDrain()
}

// The first octets of a stream are the request; all that follow are echoed where it asks for that.
async function answer (stream) {
  let head = Buffer.alloc(0)
  for await (const data of stream) {
    const octets = Buffer.from(data.subarray())
    if (head.length === 8) {
      await send(stream, new Uint8Array(octets))
      continue
    }
    head = Buffer.concat([head, octets])
    if (head.length < 8) continue
    let left = Number(head.readBigUInt64BE())
    if (left === 0) continue
    const chunk = new Uint8Array(CHUNK)
    for (; left > 0; left -= CHUNK) await send(stream, chunk.subarray(0, Math.min(CHUNK, left)))
    await stream.close()
    return
  }
}

async function fetch (size) {
  const stream = await node.dialProtocol(multiaddr(addr), PROTOCOL)
  await send(stream, request(size))
  let got = 0
  for await (const octets of stream) got += octets.byteLength
  if (got !== size) throw new Error(`${got} octets of ${size}`)
}

async function each (times, act) {
  const found = []
  for (let i = 0; i < times; i++) found.push(await act())
  return { each_seconds: found }
}

const jobs = {
  async stream () {
    await node.dial(multiaddr(addr))
    const cpu = process.cpuUsage()
    const began = performance.now()
    await Promise.all(Array.from({ length: Number(streams) }, () => fetch(Number(count) / Number(streams))))
    const seconds = (performance.now() - began) / 1000
    const spent = process.cpuUsage(cpu)
    return { octets: Number(count), seconds, cpu_seconds: (spent.user + spent.system) / 1e6 }
  },

  async connect () {
    return await each(Number(count), async () => {
      const began = performance.now()
      const connection = await node.dial(multiaddr(addr))
      const seconds = (performance.now() - began) / 1000
      await connection.close()
      return seconds
    })
  },

  async ping () {
    const stream = await node.dialProtocol(multiaddr(addr), PROTOCOL)
    await send(stream, request(0))
    const incoming = stream[Symbol.asyncIterator]()
    return await each(Number(count), async () => {
      const began = performance.now()
      await send(stream, new Uint8Array(PING))
      for (let got = 0; got < PING;) got += (await incoming.next()).value.byteLength
      return (performance.now() - began) / 1000
    })
  }
}

if (word === 'listen') {
  await node.handle(PROTOCOL, answer)
  process.stdin.on('end', () => process.exit(0))
  process.stdin.resume()
  console.log('ready ' + node.getMultiaddrs()[0])
} else {
  console.log(JSON.stringify(await jobs[work]()))
  process.exit(0)
}
