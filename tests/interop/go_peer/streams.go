package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const earlyTime = 5 * time.Second

type speakFacts struct {
	PeerID peer.ID `json:"peer_id"`
	// Without a protocol the octets go onto a bare stream, before any negotiation.
	Protocol protocol.ID `json:"protocol"`
	Size     int         `json:"size"`
	// What follows the octets: "close_write", "close", "reset" or, by default, nothing.
	Then    string  `json:"then"`
	Deaf    bool    `json:"deaf"`
	Seconds float64 `json:"seconds"`
}

type spoken struct {
	Sent     int  `json:"sent"`
	Received int  `json:"received"`
	Echoed   bool `json:"echoed"`
	// How the other side's direction ended: "end", "reset", "time", or "" where it was not read.
	Ended string `json:"ended"`
}

type crowdFacts struct {
	PeerID   peer.ID     `json:"peer_id"`
	Protocol protocol.ID `json:"protocol"`
	Count    int         `json:"count"`
	Seconds  float64     `json:"seconds"`
}

// openStream opens a stream on the one connection there is; it does not dial.
func (p *peerUnderTest) openStream(limit context.Context, who peer.ID, id protocol.ID) (network.Stream, error) {
	limit = network.WithNoDial(limit, "the test decides when")
	if id == "" {
		return p.host.Network().NewStream(limit, who)
	}
	return p.host.NewStream(limit, who, id)
}

// speak writes octets, ends the stream in some way, and reads what comes back meanwhile.
func (p *peerUnderTest) speak(asked speakFacts) (any, error) {
	limit, cancel := within(asked.Seconds)
	defer cancel()
	stream, err := p.openStream(limit, asked.PeerID, asked.Protocol)
	if err != nil {
		return nil, err
	}
	defer stream.Reset()
	until, _ := limit.Deadline()
	if err = stream.SetDeadline(until); err != nil {
		return nil, err
	}
	var result spoken
	var reading sync.WaitGroup
	if !asked.Deaf {
		reading.Go(func() { result.listen(stream) })
	}
	result.write(stream, asked.Size)
	// Whether the stream is over already is what the reading tells.
	_ = finish(stream, asked.Then)
	reading.Wait()
	return result, nil
}

func (s *spoken) write(stream io.Writer, size int) {
	piece := make([]byte, 1<<15)
	for s.Sent < size {
		for place := range piece {
			piece[place] = patternAt(s.Sent + place)
		}
		count, err := stream.Write(piece[:min(len(piece), size-s.Sent)])
		s.Sent += count
		if err != nil {
			return
		}
	}
}

func (s *spoken) listen(stream io.Reader) {
	s.Echoed = true
	piece := make([]byte, 1<<15)
	for {
		count, err := stream.Read(piece)
		for place, octet := range piece[:count] {
			s.Echoed = s.Echoed && octet == patternAt(s.Received+place)
		}
		s.Received += count
		if err != nil {
			s.Ended = nameOfEnd(err)
			return
		}
	}
}

func patternAt(place int) byte {
	return byte(place%251) + 1
}

func finish(stream network.Stream, then string) error {
	switch then {
	case "close_write":
		return stream.CloseWrite()
	case "close":
		return stream.Close()
	case "reset":
		return stream.Reset()
	case "":
		return nil
	}
	return fmt.Errorf("no stream ends by %q", then)
}

func nameOfEnd(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, io.EOF):
		return "end"
	case errors.Is(err, network.ErrReset):
		return "reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "time"
	}
	return err.Error()
}

// crowd opens many streams at once, keeps them open together until each was answered or refused, and
// then resets them. "early" counts what was decided within five seconds. With a protocol, an answer is the
// agreement and 32 octets of whatever is said then; without one, it is the end that the other side makes.
func (p *peerUnderTest) crowd(asked crowdFacts) (any, error) {
	limit, cancel := within(asked.Seconds)
	defer cancel()
	outcomes, early := map[string]int{}, map[string]int{}
	var counting sync.Mutex
	var settled, all sync.WaitGroup
	settled.Add(asked.Count)
	begun := time.Now()
	for range asked.Count {
		all.Go(func() {
			stream, outcome := p.oneOfMany(limit, asked.PeerID, asked.Protocol)
			counting.Lock()
			outcomes[outcome]++
			if time.Since(begun) < earlyTime {
				early[outcome]++
			}
			counting.Unlock()
			settled.Done()
			settled.Wait()
			if stream != nil {
				stream.Reset()
			}
		})
	}
	all.Wait()
	return map[string]any{"outcomes": outcomes, "early": early}, nil
}

func (p *peerUnderTest) oneOfMany(
	limit context.Context, who peer.ID, id protocol.ID,
) (network.Stream, string) {
	stream, err := p.openStream(limit, who, id)
	if err != nil {
		return nil, "not opened"
	}
	until, _ := limit.Deadline()
	if err = stream.SetDeadline(until); err != nil {
		return stream, "not opened"
	}
	octets := make([]byte, 32)
	if id != "" {
		if _, err = stream.Write(octets); err != nil {
			return stream, nameOfEnd(err)
		}
	}
	if _, err = io.ReadFull(stream, octets); err != nil {
		return stream, nameOfEnd(err)
	}
	return stream, "answered"
}
