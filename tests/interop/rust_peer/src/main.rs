//! A stock rust-libp2p peer that a test drives: one JSON request a line on standard input, one answer a line
//! on standard output ({"id", "ok"} or {"id", "error"}). It ends with its standard input.
//!
//! It takes the same requests as ../js_peer.mjs. Nothing here knows Peertransfer: TCP, Noise, yamux, identify,
//! ping, pnet and kad are the library's own, so what passes here is what any rust-libp2p node would see.
//! What the library leaves to its user, and every user does, is done here: addresses from identify go to kad.

mod host;

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    str::FromStr,
    sync::{Arc, Mutex},
};

use futures::{AsyncReadExt, StreamExt};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm,
    core::ConnectedPoint,
    identify, kad, multiaddr, ping,
    swarm::{ConnectionId, SwarmEvent, dial_opts::DialOpts},
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::host::{Behaviour, BehaviourEvent};

type Failure = Box<dyn Error>;
type RequestId = u64;

struct Connection {
    peer: PeerId,
    direction: &'static str,
    milliseconds: Option<f64>,
}

/// The one peer of this process, and the requests that wait for one of its events.
struct Peer {
    swarm: Swarm<Behaviour>,
    starting: Option<RequestId>,
    dials: HashMap<ConnectionId, RequestId>,
    pings: Vec<(PeerId, RequestId)>,
    provides: HashMap<kad::QueryId, RequestId>,
    finds: HashMap<kad::QueryId, (RequestId, BTreeSet<PeerId>)>,
    connections: HashMap<ConnectionId, Connection>,
    identified: HashMap<PeerId, Value>,
    /// What the swarm has learned of other peers' addresses; kad names providers without them.
    addrs: HashMap<PeerId, BTreeSet<String>>,
    heard: Arc<Mutex<Vec<Value>>>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let Some(first) = lines.next_line().await? else {
        return Ok(());
    };
    let mut peer = Peer::start(&serde_json::from_str(&first)?)?;
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => peer.take(&serde_json::from_str(&line)?),
                None => return Ok(()),
            },
            event = peer.swarm.select_next_some() => peer.notice(event),
        }
    }
}

impl Peer {
    fn start(asked: &Value) -> Result<Self, Failure> {
        let mut swarm = host::make(asked["swarm_key"].as_str(), text(asked, "kad_protocol")?)?;
        if asked["client"].as_bool() == Some(true) {
            let kad = &mut swarm.behaviour_mut().kad;
            kad.set_mode(Some(kad::Mode::Client));
        }
        let id = asked["id"].as_u64().ok_or("no id")?;
        let mut starting = None;
        match asked["listen"][0].as_str() {
            Some(addr) => {
                swarm.listen_on(addr.parse()?)?;
                starting = Some(id);
            }
            None => succeed(
                id,
                json!({"peer_id": swarm.local_peer_id().to_string(), "listen_addrs": []}),
            ),
        }
        Ok(Self {
            swarm,
            starting,
            dials: HashMap::new(),
            pings: Vec::new(),
            provides: HashMap::new(),
            finds: HashMap::new(),
            connections: HashMap::new(),
            identified: HashMap::new(),
            addrs: HashMap::new(),
            heard: Arc::default(),
        })
    }

    // --- requests -----------------------------------------------------------------------------------

    fn take(&mut self, asked: &Value) {
        let id = asked["id"].as_u64().unwrap_or_default();
        match self.answer(id, asked) {
            Ok(Some(result)) => succeed(id, result),
            Ok(None) => {}
            Err(error) => fail(id, error.to_string()),
        }
    }

    /// Returns the result, or nothing where an event will bring it.
    fn answer(&mut self, id: RequestId, asked: &Value) -> Result<Option<Value>, Failure> {
        match text(asked, "request")? {
            "dial" => self.dial(id, text(asked, "addr")?.parse()?)?,
            "ping" => self.pings.push((peer_of(asked)?, id)),
            "provide" => {
                let query = self
                    .swarm
                    .behaviour_mut()
                    .kad
                    .start_providing(key_of(asked)?)?;
                self.provides.insert(query, id);
            }
            "find" => {
                let query = self.swarm.behaviour_mut().kad.get_providers(key_of(asked)?);
                self.finds.insert(query, (id, BTreeSet::new()));
            }
            "hang_up" => {
                let peer = peer_of(asked)?;
                self.swarm
                    .disconnect_peer_id(peer)
                    .map_err(|()| "not connected")?;
                return Ok(Some(json!({})));
            }
            "hear" => {
                self.hear(text(asked, "protocol")?.to_owned())?;
                return Ok(Some(json!({})));
            }
            "connections" => return Ok(Some(self.describe_connections())),
            "identified" => return Ok(Some(self.identified.get(&peer_of(asked)?).cloned().into())),
            "heard" => return Ok(Some(json!(*self.heard.lock().map_err(|_| "poisoned")?))),
            "table" => return Ok(Some(self.table())),
            other => return Err(format!("unknown request {other}").into()),
        }
        Ok(None)
    }

    fn dial(&mut self, id: RequestId, addr: Multiaddr) -> Result<(), Failure> {
        let Some(multiaddr::Protocol::P2p(peer)) = addr.iter().last() else {
            return Err("no peer ID".into());
        };
        let dialling = DialOpts::peer_id(peer).addresses(vec![addr]).build();
        self.dials.insert(dialling.connection_id(), id);
        Ok(self.swarm.dial(dialling)?)
    }

    /// Takes streams of a protocol, keeps who opened them and the first octets, and says nothing.
    fn hear(&mut self, protocol: String) -> Result<(), Failure> {
        let protocol = StreamProtocol::try_from_owned(protocol)?;
        let mut incoming = self
            .swarm
            .behaviour()
            .streams
            .new_control()
            .accept(protocol)?;
        let heard = Arc::clone(&self.heard);
        tokio::spawn(async move {
            while let Some((peer, mut stream)) = incoming.next().await {
                let mut octets = vec![0; 1 << 16];
                if let (Ok(count), Ok(mut heard)) = (stream.read(&mut octets).await, heard.lock()) {
                    heard.push(json!({"peer_id": peer.to_string(), "octets": hex::encode(&octets[..count])}));
                }
            }
        });
        Ok(())
    }

    fn describe_connections(&self) -> Value {
        let describe = |one: &Connection| {
            json!({"peer_id": one.peer.to_string(), "direction": one.direction, "status": "open",
                   "rtt": one.milliseconds})
        };
        self.connections.values().map(describe).collect()
    }

    fn table(&mut self) -> Value {
        let mut peers = Vec::new();
        for bucket in self.swarm.behaviour_mut().kad.kbuckets() {
            peers.extend(
                bucket
                    .iter()
                    .map(|entry| entry.node.key.preimage().to_string()),
            );
        }
        json!(peers)
    }

    // --- events -------------------------------------------------------------------------------------

    fn notice(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => self.listening_at(&address),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                self.connections.remove(&connection_id);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id,
                error,
                ..
            } => {
                if let Some(id) = self.dials.remove(&connection_id) {
                    fail(id, error.to_string());
                }
            }
            SwarmEvent::NewExternalAddrOfPeer { peer_id, address } => {
                let bare = address
                    .iter()
                    .filter(|part| !matches!(part, multiaddr::Protocol::P2p(_)));
                self.addrs
                    .entry(peer_id)
                    .or_default()
                    .insert(bare.collect::<Multiaddr>().to_string());
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(event)) => self.pinged(event),
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                self.remember(peer_id, &info);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                id,
                result,
                step,
                ..
            })) => self.progressed(id, result, step.last),
            _ => {}
        }
    }

    fn listening_at(&mut self, address: &Multiaddr) {
        self.swarm.add_external_address(address.clone());
        if let Some(id) = self.starting.take() {
            let own = self.swarm.local_peer_id().to_string();
            succeed(
                id,
                json!({"peer_id": own, "listen_addrs": [format!("{address}/p2p/{own}")]}),
            );
        }
    }

    fn connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let direction = if endpoint.is_dialer() {
            "outbound"
        } else {
            "inbound"
        };
        self.connections.insert(
            connection,
            Connection {
                peer,
                direction,
                milliseconds: None,
            },
        );
        if let Some(id) = self.dials.remove(&connection) {
            // The library names neither; nothing else is offered here.
            succeed(
                id,
                json!({"peer_id": peer.to_string(), "encryption": "/noise", "multiplexer": "/yamux/1.0.0"}),
            );
        }
    }

    /// The library pings by itself, every second here; a request waits for the next result.
    fn pinged(&mut self, event: ping::Event) {
        let result = event.result.map(|time| time.as_secs_f64() * 1000.0);
        if let (Some(connection), Ok(measured)) =
            (self.connections.get_mut(&event.connection), &result)
        {
            connection.milliseconds = Some(*measured);
        }
        for (_, id) in self.pings.extract_if(.., |(peer, _)| *peer == event.peer) {
            match &result {
                Ok(measured) => succeed(id, json!({"milliseconds": measured})),
                Err(error) => fail(id, error.to_string()),
            }
        }
    }

    fn remember(&mut self, peer: PeerId, info: &identify::Info) {
        for addr in &info.listen_addrs {
            self.swarm
                .behaviour_mut()
                .kad
                .add_address(&peer, addr.clone());
        }
        let or_null = |text: String| {
            if text.is_empty() {
                Value::Null
            } else {
                json!(text)
            }
        };
        let said = json!({
            "protocols": info.protocols.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "listen_addrs": info.listen_addrs.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "observed_addr": or_null(info.observed_addr.to_string()),
            "agent_version": or_null(info.agent_version.clone()),
            "protocol_version": or_null(info.protocol_version.clone()),
            "signed_record": info.signed_peer_record.is_some(),
        });
        self.identified.insert(peer, said);
    }

    fn progressed(&mut self, query: kad::QueryId, result: kad::QueryResult, is_last: bool) {
        match result {
            kad::QueryResult::StartProviding(result) => {
                if let Some(id) = self.provides.remove(&query) {
                    match result {
                        Ok(_) => succeed(id, json!({})),
                        Err(error) => fail(id, error.to_string()),
                    }
                }
            }
            kad::QueryResult::GetProviders(result) => {
                let Some((_, found)) = self.finds.get_mut(&query) else {
                    return;
                };
                if let Ok(kad::GetProvidersOk::FoundProviders { providers, .. }) = result {
                    found.extend(providers);
                }
                if is_last && let Some((id, found)) = self.finds.remove(&query) {
                    succeed(
                        id,
                        found
                            .iter()
                            .map(|peer| self.describe_provider(peer))
                            .collect(),
                    );
                }
            }
            _ => {}
        }
    }

    fn describe_provider(&self, peer: &PeerId) -> Value {
        json!({"peer_id": peer.to_string(), "addrs": self.addrs.get(peer).cloned().unwrap_or_default()})
    }
}

// --- forms --------------------------------------------------------------------------------------------

fn text<'a>(asked: &'a Value, name: &str) -> Result<&'a str, Failure> {
    asked[name]
        .as_str()
        .ok_or_else(|| format!("{name} is missing").into())
}

fn peer_of(asked: &Value) -> Result<PeerId, Failure> {
    Ok(PeerId::from_str(text(asked, "peer_id")?)?)
}

fn key_of(asked: &Value) -> Result<kad::RecordKey, Failure> {
    Ok(kad::RecordKey::new(&hex::decode(text(asked, "key")?)?))
}

fn succeed(id: RequestId, result: Value) {
    println!("{}", json!({"id": id, "ok": result}));
}

fn fail(id: RequestId, message: String) {
    println!(
        "{}",
        json!({"id": id, "error": {"name": "Error", "message": message}})
    );
}
