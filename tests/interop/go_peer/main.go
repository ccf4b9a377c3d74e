// A stock go-libp2p peer that a test drives: one JSON request a line on standard input, one answer a line
// on standard output ({"id", "ok"} or {"id", "error"}). It ends with its standard input.
//
// It takes the same requests as ../js_peer.mjs, and some more that open streams (streams.go). Nothing here
// knows Peertransfer: the transports, security, muxer, identify, ping, pnet and DHT are the library's own
// defaults, so what passes here is what any go-libp2p node of a private network would see.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

type facts = json.RawMessage

// taking turns a function of a request's facts into one of the line's octets.
func taking[F any](function func(F) (any, error)) func(facts) (any, error) {
	return func(line facts) (any, error) {
		var own F
		if err := json.Unmarshal(line, &own); err != nil {
			return nil, err
		}
		return function(own)
	}
}

func answerLine(requests map[string]func(facts) (any, error), line []byte) map[string]any {
	var asked struct {
		ID      int    `json:"id"`
		Request string `json:"request"`
	}
	if err := json.Unmarshal(line, &asked); err != nil {
		return failed(0, err)
	}
	function, known := requests[asked.Request]
	if !known {
		return failed(asked.ID, fmt.Errorf("unknown request %q", asked.Request))
	}
	result, err := function(line)
	if err != nil {
		return failed(asked.ID, err)
	}
	return map[string]any{"id": asked.ID, "ok": result}
}

func failed(id int, err error) map[string]any {
	name := fmt.Sprintf("%T", err)
	return map[string]any{"id": id, "error": map[string]string{"name": name, "message": err.Error()}}
}

func main() {
	var one peerUnderTest
	requests := one.requests()
	output := json.NewEncoder(os.Stdout)
	var writing sync.Mutex
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		line := append([]byte(nil), lines.Bytes()...)
		// Not awaited: a long look-up does not hold up a ping.
		go func() {
			result := answerLine(requests, line)
			writing.Lock()
			defer writing.Unlock()
			if err := output.Encode(result); err != nil {
				os.Exit(1)
			}
		}()
	}
}
