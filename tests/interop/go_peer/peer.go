package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multihash"
)

const queryTime = 20 * time.Second

type said struct {
	Protocols       []protocol.ID `json:"protocols"`
	ListenAddrs     []string      `json:"listen_addrs"`
	ObservedAddr    *string       `json:"observed_addr"`
	AgentVersion    *string       `json:"agent_version"`
	ProtocolVersion *string       `json:"protocol_version"`
	SignedRecord    bool          `json:"signed_record"`
}

type heard struct {
	PeerID string `json:"peer_id"`
	Octets string `json:"octets"`
}

type found struct {
	PeerID string   `json:"peer_id"`
	Addrs  []string `json:"addrs"`
}

// peerUnderTest is the one peer of this process; the request "start" makes its host.
type peerUnderTest struct {
	host host.Host
	dht  *dht.IpfsDHT

	mutex      sync.Mutex
	identified map[peer.ID]said
	heard      []heard
}

type startFacts struct {
	SwarmKey    *string  `json:"swarm_key"`
	KadProtocol string   `json:"kad_protocol"`
	Listen      []string `json:"listen"`
	// Whether it only asks the DHT.
	Client bool `json:"client"`
	// Of which kind the identity's key is; Ed25519, as in every library, if nothing is said.
	Identity string `json:"identity"`
	// The library's resource manager keeps this peer from opening many streams; without it, nothing does.
	Unlimited bool `json:"unlimited"`
}

type peerFacts struct {
	PeerID peer.ID `json:"peer_id"`
}

type keyFacts struct {
	Key     string  `json:"key"`
	Seconds float64 `json:"seconds"`
}

type dialFacts struct {
	Addr    string  `json:"addr"`
	Seconds float64 `json:"seconds"`
}

func (p *peerUnderTest) requests() map[string]func(facts) (any, error) {
	return map[string]func(facts) (any, error){
		"start":       taking(p.start),
		"dial":        taking(p.dial),
		"hang_up":     taking(p.hangUp),
		"connections": taking(p.connections),
		"ping":        taking(p.ping),
		"identified":  taking(p.whatWasSaid),
		"hear":        taking(p.hear),
		"heard":       taking(p.whatWasHeard),
		"table":       taking(p.table),
		"provide":     taking(p.provide),
		"find":        taking(p.find),
		"find_peer":   taking(p.findPeer),
		"speak":       taking(p.speak),
		"crowd":       taking(p.crowd),
	}
}

// --- the host ------------------------------------------------------------------------------------

func (p *peerUnderTest) start(asked startFacts) (any, error) {
	options, err := hostOptions(asked)
	if err != nil {
		return nil, err
	}
	if p.host, err = libp2p.New(options...); err != nil {
		return nil, err
	}
	if err = p.rememberIdentified(); err != nil {
		return nil, err
	}
	if asked.KadProtocol != "" {
		prefix, _ := strings.CutSuffix(asked.KadProtocol, "/kad/1.0.0")
		mode := dht.ModeServer
		if asked.Client {
			mode = dht.ModeClient
		}
		p.dht, err = dht.New(p.host, dht.ProtocolPrefix(protocol.ID(prefix)), dht.Mode(mode))
		if err != nil {
			return nil, err
		}
	}
	own := peer.AddrInfo{ID: p.host.ID(), Addrs: p.host.Addrs()}
	full, err := peer.AddrInfoToP2pAddrs(&own)
	if err != nil {
		return nil, err
	}
	return map[string]any{"peer_id": own.ID.String(), "listen_addrs": texts(full)}, nil
}

func hostOptions(asked startFacts) ([]libp2p.Option, error) {
	listen := libp2p.NoListenAddrs
	if len(asked.Listen) > 0 {
		listen = libp2p.ListenAddrStrings(asked.Listen...)
	}
	options := []libp2p.Option{listen}
	if asked.SwarmKey != nil {
		psk, err := pnet.DecodeV1PSK(strings.NewReader(*asked.SwarmKey))
		if err != nil {
			return nil, err
		}
		options = append(options, libp2p.PrivateNetwork(psk))
	}
	if asked.Identity != "" {
		key, err := newKey(asked.Identity)
		if err != nil {
			return nil, err
		}
		options = append(options, libp2p.Identity(key))
	}
	if asked.Unlimited {
		options = append(options, libp2p.ResourceManager(&network.NullResourceManager{}))
	}
	return options, nil
}

func newKey(kind string) (crypto.PrivKey, error) {
	kinds := map[string]int{"rsa": crypto.RSA, "secp256k1": crypto.Secp256k1, "ecdsa": crypto.ECDSA}
	number, known := kinds[kind]
	if !known {
		return nil, fmt.Errorf("no identity is of the kind %q", kind)
	}
	key, _, err := crypto.GenerateKeyPairWithReader(number, 2048, rand.Reader)
	return key, err
}

func (p *peerUnderTest) rememberIdentified() error {
	p.identified = map[peer.ID]said{}
	events, err := p.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return err
	}
	go func() {
		for one := range events.Out() {
			p.remember(one.(event.EvtPeerIdentificationCompleted))
		}
	}()
	return nil
}

func (p *peerUnderTest) remember(one event.EvtPeerIdentificationCompleted) {
	result := said{
		Protocols:       one.Protocols,
		ListenAddrs:     texts(one.ListenAddrs),
		AgentVersion:    textOrNull(one.AgentVersion),
		ProtocolVersion: textOrNull(one.ProtocolVersion),
		SignedRecord:    one.SignedPeerRecord != nil,
	}
	if one.ObservedAddr != nil {
		result.ObservedAddr = textOrNull(one.ObservedAddr.String())
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.identified[one.Peer] = result
}

// --- connections ---------------------------------------------------------------------------------

func (p *peerUnderTest) dial(asked dialFacts) (any, error) {
	info, err := peer.AddrInfoFromString(asked.Addr)
	if err != nil {
		return nil, err
	}
	limit, cancel := within(asked.Seconds)
	defer cancel()
	if err = p.host.Connect(limit, *info); err != nil {
		return nil, err
	}
	for _, one := range p.host.Network().ConnsToPeer(info.ID) {
		state := one.ConnState()
		return map[string]any{
			"peer_id":     one.RemotePeer().String(),
			"encryption":  state.Security,
			"multiplexer": state.StreamMultiplexer,
		}, nil
	}
	return nil, network.ErrNoConn
}

func (p *peerUnderTest) hangUp(asked peerFacts) (any, error) {
	return struct{}{}, p.host.Network().ClosePeer(asked.PeerID)
}

func (p *peerUnderTest) connections(struct{}) (any, error) {
	result := []map[string]any{}
	for _, one := range p.host.Network().Conns() {
		status := "open"
		if one.IsClosed() {
			status = "closed"
		}
		// The library measures by the requests that it makes: 0 stands for none so far.
		var rtt any
		if measured := p.host.Peerstore().LatencyEWMA(one.RemotePeer()); measured > 0 {
			rtt = milliseconds(measured)
		}
		result = append(result, map[string]any{
			"peer_id":   one.RemotePeer().String(),
			"direction": strings.ToLower(one.Stat().Direction.String()),
			"status":    status,
			"rtt":       rtt,
		})
	}
	return result, nil
}

func (p *peerUnderTest) ping(asked peerFacts) (any, error) {
	limit, cancel := within(5)
	defer cancel()
	result, ok := <-ping.Ping(limit, p.host, asked.PeerID)
	if !ok {
		return nil, limit.Err()
	}
	return map[string]any{"milliseconds": milliseconds(result.RTT)}, result.Error
}

// whatWasSaid gives what identify said last; null as long as the library has accepted no answer.
func (p *peerUnderTest) whatWasSaid(asked peerFacts) (any, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if result, known := p.identified[asked.PeerID]; known {
		return result, nil
	}
	return nil, nil
}

// hear takes streams of a protocol, keeps who opened them and the first octets, and says nothing.
func (p *peerUnderTest) hear(asked struct {
	Protocol protocol.ID `json:"protocol"`
}) (any, error) {
	p.host.SetStreamHandler(asked.Protocol, func(stream network.Stream) {
		defer stream.Close()
		octets := make([]byte, 1<<16)
		if count, err := stream.Read(octets); count > 0 && err == nil {
			p.mutex.Lock()
			defer p.mutex.Unlock()
			who := stream.Conn().RemotePeer().String()
			p.heard = append(p.heard, heard{who, hex.EncodeToString(octets[:count])})
		}
	})
	return struct{}{}, nil
}

func (p *peerUnderTest) whatWasHeard(struct{}) (any, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]heard{}, p.heard...), nil
}

// --- the DHT -------------------------------------------------------------------------------------

func (p *peerUnderTest) table(struct{}) (any, error) {
	result := []string{}
	for _, one := range p.dht.RoutingTable().ListPeers() {
		result = append(result, one.String())
	}
	return result, nil
}

func (p *peerUnderTest) provide(asked keyFacts) (any, error) {
	key, err := cidOf(asked.Key)
	if err != nil {
		return nil, err
	}
	limit, cancel := context.WithTimeout(context.Background(), queryTime)
	defer cancel()
	return struct{}{}, p.dht.Provide(limit, key, true)
}

func (p *peerUnderTest) find(asked keyFacts) (any, error) {
	key, err := cidOf(asked.Key)
	if err != nil {
		return nil, err
	}
	limit, cancel := within(asked.Seconds)
	defer cancel()
	result := []found{}
	for one := range p.dht.FindProvidersAsync(limit, key, 0) {
		result = append(result, found{one.ID.String(), texts(one.Addrs)})
	}
	return result, limit.Err()
}

func (p *peerUnderTest) findPeer(asked struct {
	peerFacts
	Seconds float64 `json:"seconds"`
}) (any, error) {
	limit, cancel := within(asked.Seconds)
	defer cancel()
	one, err := p.dht.FindPeer(limit, asked.PeerID)
	return found{one.ID.String(), texts(one.Addrs)}, err
}

// cidOf wraps a DHT key, which is a multihash alone, as the library wants it.
func cidOf(key string) (cid.Cid, error) {
	hash, err := multihash.FromHexString(key)
	return cid.NewCidV1(cid.Raw, hash), err
}

// --- forms ---------------------------------------------------------------------------------------

func within(seconds float64) (context.Context, context.CancelFunc) {
	if seconds == 0 {
		seconds = 10
	}
	return context.WithTimeout(context.Background(), time.Duration(seconds*float64(time.Second)))
}

func milliseconds(duration time.Duration) float64 {
	return float64(duration.Microseconds()) / 1000
}

func texts(addrs []multiaddr.Multiaddr) []string {
	result := []string{}
	for _, addr := range addrs {
		result = append(result, addr.String())
	}
	return result
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
